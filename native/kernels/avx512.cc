// Kernels with AVX-512.
// flags: -mavx512f
#if defined(__x86_64__)
#define LANES 16
#define REGISTERS 32
#define SET avx512
#include "tiles.h"
#endif
