// RMSNorm: what the operator in norm.cc and its inner loops say to each other.
#pragma once
#include <cstdint>

namespace dvl::norm {

struct Kernel {
  // out = x / sqrt(mean(x²) + eps) · weight, all of them in bfloat16 where `half`, else in float32.
  void (*row)(bool half, const void* x, const void* weight, int64_t width, float eps, void* out);
};

}  // namespace dvl::norm
