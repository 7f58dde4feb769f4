// The inner loops of all kernels, compiled once per instruction set. Includes no library code: see vectors.h.
#pragma once
#include "attention.h"
#include "choice.h"
#include "norm.h"
#include "skinny-linear.h"

namespace dvl {

// The loops of one instruction set.
struct Kernels {
  const char* name;
  skinny::Kernel linear;
  attention::Kernel attention;
  choice::Kernel choice;
  norm::Kernel norm;
};

extern const Kernels portable;
#if defined(__x86_64__)
extern const Kernels avx2, avx512;
#endif

}  // namespace dvl
