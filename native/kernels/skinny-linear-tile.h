// The inner loops of skinny products. Includes no library code: see vectors.h.
#pragma once
#include "skinny-linear.h"
#include "vectors.h"

namespace {

using dvl::skinny::Product;
using dvl::skinny::Stored;

constexpr int STEP = 2 * LANES;
// Inputs whose packed rows stay in the first-level cache while weights stream by. Sums are cut here and nowhere else: a row's
// result must not depend on how many rows there are, or decoding would.
#ifndef PANEL
#define PANEL 1024
#endif

struct Float16 { uint16_t bits; };

// A step of weights comes as two vectors. Where SPLIT, the first has the even inputs and the second the odd ones: a 16-bit
// pair is widened by one shift or mask, without moving lanes; the packed x is split likewise.
template <class W>
constexpr bool SPLIT = false;
template <>
constexpr bool SPLIT<BFloat16> = true;

template <int HALF>
INLINE Floats widen(const float* from) { return load<Floats>(from + HALF * LANES); }
// The upper halves of 32-bit words.
INLINE Words upper(Words pairs) {
#if LANES > 4 && REGISTERS == 16
  // The mask stays in memory: in a register it would push an accumulator out.
  alignas(Words) static constexpr uint32_t MASK[LANES] = {~0u << 16, ~0u << 16, ~0u << 16, ~0u << 16, ~0u << 16, ~0u << 16, ~0u << 16, ~0u << 16};
  asm("vpand %1, %0, %0" : "+v"(pairs) : "m"(MASK));
  return pairs;
#else
  return pairs & 0xffff0000u;
#endif
}
template <int HALF>
INLINE Floats widen(const BFloat16* from) {
  const auto pairs = load<Words>(from);
  return (Floats)(HALF == 0 ? pairs << 16 : upper(pairs));
}
template <int HALF>
INLINE Floats widen(const int8_t* from) { return __builtin_convertvector(load<Bytes>(from + HALF * LANES), Floats); }

#if LANES > 4
template <int HALF>
INLINE Floats widen(const Float16* from) {
  Floats wide;
  asm("vcvtph2ps %1, %0" : "=v"(wide) : "v"(load<Halves>(from + HALF * LANES)));
  return wide;
}
#else
template <>
constexpr bool SPLIT<Float16> = true;
template <int HALF>
INLINE Floats widen(const Float16* from) {
  const auto pairs = load<Words>(from);
  const Words bits = HALF == 0 ? pairs & 0xffff : pairs >> 16;
  const Floats size = (Floats)((bits & 0x7fff) << 13) * 0x1p112f;  // exact, subnormal numbers included
  const Words infinite = (Words)(size >= 65536.0f) & 0x7f800000u;  // and NaN
  return (Floats)((Words)size | infinite | ((bits & 0x8000) << 16));
}
#endif

// acc += x * w. On x86 the instruction is written out: compilers prefer forms that overwrite x or fetch it again for each
// product, and run out of registers (half the speed, gcc 12).
#if LANES > 4
INLINE void multiplyAdd(Floats& acc, Floats x, Floats w) { asm("vfmadd231ps %2, %1, %0" : "+v"(acc) : "v"(w), "v"(x)); }
#else
INLINE void multiplyAdd(Floats& acc, Floats x, Floats w) { acc += x * w; }
#endif

// Neighbours (lanes that differ in BIT only) are added; a's sums go to the lanes without BIT, b's to those with it.
template <int BIT, int... I>
INLINE Floats fold(Floats a, Floats b, Sequence<I...>) {
  return SHUFFLE(a, b, (I & BIT) ? LANES + I : I) + SHUFFLE(a, b, (I & BIT) ? LANES + (I ^ BIT) : (I ^ BIT));
}

// The sums of N vectors, N/LANES vectors of them, in order.
template <int N, int BIT = 1>
INLINE void sums(Floats* v) {
  if constexpr (BIT < LANES) {
    unroll<(N + 1) / 2>([&](auto i) LOCAL { v[i] = fold<BIT>(v[2 * i], v[2 * i + 1 < N ? 2 * i + 1 : 2 * i], Indices<LANES>{}); });
    sums<(N + 1) / 2, BIT * 2>(v);
  }
}

// Even and odd lanes of the row a, b.
template <int PARITY, int... I>
INLINE Floats lanes(Floats a, Floats b, Sequence<I...>) { return SHUFFLE(a, b, 2 * I + PARITY); }

// Where the weights of the next block lie; moves on while this block is computed, so that memory never waits.
struct Ahead {
  const char* at;
  int64_t advance;
};

// y[R, C] += scales * x[R, steps] . w[C, steps]^T: every weight is widened once for R rows, every x loaded once for C outputs.
// From step to step x moves on by `stride`, w by STEP.
template <int R, int C, class W>
SHARED void tile(const float* x, int64_t stride, const W* w, int64_t inputs, int64_t steps, const float* scales, float* y, int64_t outputs,
                 Ahead& ahead) {
  constexpr int LINES = (C * LANES * static_cast<int>(sizeof(W)) + 63) / 64;  // of the cache, as many as half a step reads
  Floats acc[R * C];
  unroll<R * C>([&](auto i) LOCAL { acc[i] = Floats{}; });
  for (int64_t step = 0; step < steps; step++) {
    unroll<2>([&](auto half) LOCAL {
      unroll<LINES>([&](auto line) LOCAL { __builtin_prefetch(ahead.at + 64 * line); });
      ahead.at += ahead.advance;
      Floats weights[C];
      unroll<C>([&](auto c) LOCAL { weights[c] = widen<half>(w + c * inputs); });
      unroll<R>([&](auto r) LOCAL {
        const auto value = load<Floats>(x + r * STEP + half * LANES);
        unroll<C>([&](auto c) LOCAL { multiplyAdd(acc[r * C + c], value, weights[c]); });
      });
    });
    x += stride;
    w += STEP;
  }
  sums<R * C>(acc);
  constexpr int VECTORS = (R * C + LANES - 1) / LANES;
  float total[VECTORS * LANES];
  std::memcpy(total, acc, sizeof total);
  for (int r = 0; r < R; r++) {
    for (int c = 0; c < C; c++) y[r * outputs + c] += scales ? scales[c] * total[r * C + c] : total[r * C + c];
  }
}

// The widest tile whose accumulators, weights and x stay in registers.
constexpr int width(int rows) {
  for (int c = 4; c > 1; c--) {
    if (rows * c + c + 1 <= REGISTERS) return c;
  }
  return 1;
}
constexpr int ROWS = REGISTERS == 32 ? 8 : 6;

// One tile over a panel of inputs, of whose last step only `tail` exist (0: all).
template <int R, int C, class W>
void tileWithTail(const float* x, int64_t stride, const W* w, int64_t inputs, int64_t steps, int64_t tail, const float* scales, float* y,
                  int64_t outputs, Ahead& ahead) {
  if (tail == 0) return tile<R, C>(x, stride, w, inputs, steps, scales, y, outputs, ahead);
  tile<R, C>(x, stride, w, inputs, steps - 1, scales, y, outputs, ahead);
  W rest[C * STEP] = {};
  for (int c = 0; c < C; c++) std::memcpy(rest + c * STEP, w + c * inputs + (steps - 1) * STEP, static_cast<size_t>(tail) * sizeof(W));
  Ahead none{reinterpret_cast<const char*>(rest), 0};
  tile<R, C>(x + (steps - 1) * stride, stride, rest, STEP, 1, scales, y, outputs, none);
}

// One panel of inputs for R rows and `count` outputs.
template <int R, class W>
void strip(const float* x, const W* w, int64_t inputs, int64_t steps, int64_t tail, const float* scales, float* y, int64_t outputs,
           int64_t count, Ahead& ahead) {
  constexpr int WIDTH = width(R);
  const auto scalesOf = [&](int64_t first) { return scales ? scales + first : nullptr; };
  int64_t first = 0;
  for (; first + WIDTH <= count; first += WIDTH) {
    tileWithTail<R, WIDTH>(x, R * STEP, w + first * inputs, inputs, steps, tail, scalesOf(first), y + first, outputs, ahead);
  }
  for (; first < count; first++) {
    for (int r = 0; r < R; r++) {
      tileWithTail<1, 1>(x + r * STEP, R * STEP, w + first * inputs, inputs, steps, tail, scalesOf(first), y + r * outputs + first, outputs, ahead);
    }
  }
}

// Rows are cut into tiles of nearly equal height.
struct RowTiles {
  int64_t rows, left, first = 0;
  explicit RowTiles(int64_t rows) : rows(rows), left((rows + ROWS - 1) / ROWS) {}
  int64_t height() const { return (rows - first + left - 1) / left; }
  void next() {
    first += height();
    left--;
  }
};

template <class W>
void blockOf(const Product& p, int64_t first, int64_t last, int64_t next) {
  using Strip = void (*)(const float*, const W*, int64_t, int64_t, int64_t, const float*, float*, int64_t, int64_t, Ahead&);
  static constexpr Strip strips[] = {
      strip<1, W>, strip<2, W>, strip<3, W>, strip<4, W>, strip<5, W>, strip<6, W>,
#if REGISTERS == 32
      strip<7, W>, strip<8, W>,
#endif
  };
  const auto* weight = static_cast<const W*>(p.weight);
  const int64_t steps = (p.inputs + STEP - 1) / STEP;
  const int64_t panels = (p.inputs + PANEL - 1) / PANEL, panel = (steps + panels - 1) / panels;
  int64_t halves = 0;
  for (RowTiles t(p.rows); t.left > 0; t.next()) halves += (last - first + width(t.height()) - 1) / width(t.height()) * steps * 2;
  Ahead ahead{reinterpret_cast<const char*>(weight + next * p.inputs), (last - first) * p.inputs * static_cast<int64_t>(sizeof(W)) / halves};
  for (int64_t from = 0; from < steps; from += panel) {
    const int64_t to = from + panel < steps ? from + panel : steps;
    const int64_t tail = to == steps ? p.inputs % STEP : 0;
    for (RowTiles t(p.rows); t.left > 0; t.next()) {
      strips[t.height() - 1](p.packed + (t.first * steps + t.height() * from) * STEP, weight + first * p.inputs + from * STEP, p.inputs, to - from, tail,
                             p.scales ? p.scales + first : nullptr, p.y + t.first * p.outputs + first, p.outputs, last - first, ahead);
    }
  }
}

void block(const Product& p, int64_t first, int64_t last, int64_t next) {
  switch (p.stored) {
    case Stored::BFloat16: return blockOf<BFloat16>(p, first, last, next);
    case Stored::Float16: return blockOf<Float16>(p, first, last, next);
    case Stored::Float32: return blockOf<float>(p, first, last, next);
    case Stored::Int8: return blockOf<int8_t>(p, first, last, next);
  }
}

// packed: for each row tile, for each step, the rows of the tile, zeros after the last input.
void pack(Stored stored, const float* x, int64_t rows, int64_t inputs, int64_t first, int64_t last, float* packed) {
  const bool split = (stored == Stored::BFloat16 && SPLIT<BFloat16>) || (stored == Stored::Float16 && SPLIT<Float16>);
  const int64_t steps = (inputs + STEP - 1) / STEP;
  for (RowTiles t(rows); t.left > 0; t.next()) {
    float* out = packed + (t.first * steps + t.height() * first) * STEP;
    for (int64_t step = first; step < last; step++) {
      for (int64_t r = 0; r < t.height(); r++, out += STEP) {
        const float* in = x + (t.first + r) * inputs + step * STEP;
        float rest[STEP] = {};
        if ((step + 1) * STEP > inputs) in = static_cast<float*>(std::memcpy(rest, in, static_cast<size_t>(inputs - step * STEP) * sizeof(float)));
        const auto a = load<Floats>(in), b = load<Floats>(in + LANES);
        const Floats even = split ? lanes<0>(a, b, Indices<LANES>{}) : a, odd = split ? lanes<1>(a, b, Indices<LANES>{}) : b;
        std::memcpy(out, &even, sizeof even);
        std::memcpy(out + LANES, &odd, sizeof odd);
      }
    }
  }
}

}  // namespace
