// Skinny products with AVX2, FMA and F16C.
// flags: -mavx2 -mfma -mf16c
#if defined(__x86_64__)
#define LANES 8
#define REGISTERS 16
#include "skinny-linear-tile.h"

const dvl::skinny::Kernel dvl::skinny::avx2{"avx2", STEP, pack, block};
#endif
