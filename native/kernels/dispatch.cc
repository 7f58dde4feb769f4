// Which instruction set this CPU has, and the threads of libtorch.
#include "dispatch.h"

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

// The threads libtorch itself computes on. Called directly because clang would bring an OpenMP library of its own; GNU's and
// LLVM's libraries both have this entry.
extern "C" void GOMP_parallel(void (*body)(void*), void* data, unsigned threads, unsigned flags) __attribute__((weak));

namespace dvl {

namespace {

bool supports(const Kernels& kernels) {
#if defined(__x86_64__)
  if (&kernels == &avx512) return __builtin_cpu_supports("avx512f");
  if (&kernels == &avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");  // all of these have F16C
#endif
  return &kernels == &portable;
}

const Kernels* const SETS[] = {
#if defined(__x86_64__)
    &avx512, &avx2,
#endif
    &portable,
};

}  // namespace

const Kernels& kernelsNamed(std::optional<std::string_view> name, const char* where) {
  if (!name) {
    static const Kernels* best = nullptr;
    for (size_t i = 0; !best; i++) {
      if (supports(*SETS[i])) best = SETS[i];
    }
    return *best;
  }
  for (const Kernels* kernels : SETS) {
    if (*name == kernels->name) {
      TORCH_CHECK_VALUE(supports(*kernels), where, ": this CPU has no ", kernels->name);
      return *kernels;
    }
  }
  TORCH_CHECK_VALUE(false, where, ": no instruction set is called ", std::string(*name), " here");
}

void inParallel(int64_t threads, void (*body)(void*), void* data) {
  if (threads > 1 && GOMP_parallel && !at::in_parallel_region()) {
    GOMP_parallel(body, data, static_cast<unsigned>(threads), 0);
  } else {
    body(data);
  }
}

}  // namespace dvl
