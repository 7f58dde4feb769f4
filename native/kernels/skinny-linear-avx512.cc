// Skinny products with AVX-512.
// flags: -mavx512f
#if defined(__x86_64__)
#define LANES 16
#define REGISTERS 32
#include "skinny-linear-tile.h"

const dvl::skinny::Kernel dvl::skinny::avx512{"avx512", STEP, pack, block};
#endif
