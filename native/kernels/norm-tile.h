// The inner loops of RMSNorm, in float32. Includes no library code: see vectors.h.
#pragma once
#include "norm.h"
#include "vectors.h"

namespace {

template <class T>
INLINE Floats widenedEnd(const T* from, int64_t count) {
  T rest[LANES] = {};
  std::memcpy(rest, from, static_cast<size_t>(count) * sizeof(T));
  return widened(rest);
}

template <class T>
void normRowOf(const T* x, const T* weight, int64_t width, float eps, T* out) {
  const auto at = [&](const T* from, int64_t i) LOCAL { return i + LANES <= width ? widened(from + i) : widenedEnd(from + i, width - i); };
  Floats squares = Floats{};
  for (int64_t i = 0; i < width; i += LANES) {
    const Floats values = at(x, i);
    squares += values * values;
  }
  const Floats scale = splat(1 / __builtin_sqrtf(sumOf(squares) / static_cast<float>(width) + eps));
  storeRow(out, width, [&](int64_t i) LOCAL { return at(x, i) * scale * at(weight, i); });
}

void normRow(bool half, const void* x, const void* weight, int64_t width, float eps, void* out) {
  if (half) return normRowOf(static_cast<const BFloat16*>(x), static_cast<const BFloat16*>(weight), width, eps, static_cast<BFloat16*>(out));
  normRowOf(static_cast<const float*>(x), static_cast<const float*>(weight), width, eps, static_cast<float*>(out));
}

}  // namespace
