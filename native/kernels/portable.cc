// Kernels in plain vectors of four floats: NEON on ARM, SSE on an x86 without AVX2.
#define LANES 4
#if defined(__aarch64__)
#define REGISTERS 32
#else
#define REGISTERS 16
#endif
#define SET portable
#include "tiles.h"
