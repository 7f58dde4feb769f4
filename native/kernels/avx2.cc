// Kernels with AVX2, FMA and F16C.
// flags: -mavx2 -mfma -mf16c
#if defined(__x86_64__)
#define LANES 8
#define REGISTERS 16
#define SET avx2
#include "tiles.h"
#endif
