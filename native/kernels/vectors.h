// Vectors of LANES floats, for the inner loops of kernels; includers set LANES and, where it matters, REGISTERS.
// Includes no library code but this: a template instantiated here with AVX must never be the one others link to.
#pragma once
#include <cstdint>
#include <cstring>

namespace {

#define INLINE inline __attribute__((always_inline))
#define LOCAL __attribute__((always_inline))
#define SHARED __attribute__((noinline))

typedef float Floats __attribute__((vector_size(LANES * 4)));
typedef uint32_t Words __attribute__((vector_size(LANES * 4)));
typedef uint16_t Halves __attribute__((vector_size(LANES * 2)));
typedef int8_t Bytes __attribute__((vector_size(LANES)));

// Loops over constants are unrolled here and not by the compiler: accumulators must be registers at -O2 as well.
template <int... I>
struct Sequence {};
template <int N, int... I>
struct Count : Count<N - 1, N - 1, I...> {};
template <int... I>
struct Count<0, I...> { using type = Sequence<I...>; };
template <int N>
using Indices = typename Count<N>::type;
template <int I>
struct Index {
  static constexpr int value = I;
  constexpr operator int() const { return I; }
};

template <class F, int... I>
INLINE void unrolled(F&& body, Sequence<I...>) { (body(Index<I>{}), ...); }
template <int N, class F>
INLINE void unroll(F&& body) { unrolled(body, Indices<N>{}); }

template <class V, class T>
INLINE V load(const T* from) {
  V value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class V, class T>
INLINE void store(T* to, V value) { std::memcpy(to, &value, sizeof value); }

INLINE Floats splat(float value) { return Floats{} + value; }
INLINE Floats larger(Floats a, Floats b) { return a > b ? a : b; }
INLINE Floats smaller(Floats a, Floats b) { return a < b ? a : b; }

struct BFloat16 { uint16_t bits; };

#if defined(__clang__)
#define SHUFFLE(a, b, index) __builtin_shufflevector(a, b, (index)...)
#else
#define SHUFFLE(a, b, index) __builtin_shuffle(a, b, Words{static_cast<uint32_t>(index)...})
#endif

INLINE Floats widened(const float* from) { return load<Floats>(from); }
INLINE Floats widened(const BFloat16* from) { return (Floats)(__builtin_convertvector(load<Halves>(from), Words) << 16); }
INLINE float widened(float from) { return from; }
INLINE float widened(BFloat16 from) {
  const uint32_t bits = static_cast<uint32_t>(from.bits) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
INLINE void narrow(float* to, Floats values) { store(to, values); }
// To the nearest, to the even one of two.
INLINE void narrow(BFloat16* to, Floats values) {
  const Words bits = (Words)values, rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const Words isNumber = (Words)(values == values);
  store(to, __builtin_convertvector((isNumber & rounded) | (~isNumber & 0x7fc0u), Halves));
}

// A row in the type of `to`, of vectors that `at` gives for each index; lanes behind its end are dropped.
template <class T, class F>
INLINE void storeRow(T* to, int64_t width, F&& at) {
  int64_t i = 0;
  for (; i + LANES <= width; i += LANES) narrow(to + i, at(i));
  if (i == width) return;
  T rest[LANES];
  narrow(rest, at(i));
  std::memcpy(to + i, rest, static_cast<size_t>(width - i) * sizeof(T));
}

// The lanes of a vector, in a fixed order of pairs.
template <int BIT, class F, int... I>
INLINE Floats folded(Floats v, F&& join, Sequence<I...> lanes) {
  if constexpr (BIT < LANES) return folded<BIT * 2>(join(v, SHUFFLE(v, v, I ^ BIT)), join, lanes);
  return v;
}
INLINE float sumOf(Floats v) { return folded<1>(v, [](Floats a, Floats b) LOCAL { return a + b; }, Indices<LANES>{})[0]; }
INLINE float largestOf(Floats v) { return folded<1>(v, [](Floats a, Floats b) LOCAL { return larger(a, b); }, Indices<LANES>{})[0]; }
INLINE float smallestOf(Floats v) { return folded<1>(v, [](Floats a, Floats b) LOCAL { return smaller(a, b); }, Indices<LANES>{})[0]; }

// e to the power of x, for x up to 0 (at most 88): 0 below −87, where float32 ends, and 1 at 0. NaN stays NaN.
INLINE Floats exponential(Floats x) {
  const Floats power = x * 1.44269504f + 0x1.8p23f;  // its last bits are the nearest integer
  const Floats n = power - 0x1.8p23f;
  const Floats r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  Floats p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const Floats value = p * (Floats)(((Words)power << 23) + (127u << 23));
  return x < -87.0f ? Floats{} : value;
}

}  // namespace
