// The inner loops of attention: tiles of KEYS keys, softmax as they come. What a row gets depends on its own keys alone.
// Includes no library code: see vectors.h.
#pragma once
#include "attention.h"
#include "vectors.h"

namespace {

using dvl::attention::Chunk;
using dvl::attention::Interval;
using dvl::attention::KEYS;

constexpr int QUERY_ROWS = REGISTERS == 32 ? 8 : 4;

// c[R, C vectors] = (ADD ? c : 0) + a[R, depth] . b[depth, C vectors]
template <int R, int C, bool ADD>
SHARED void productTile(const float* a, int64_t aRow, const float* b, int64_t bRow, int64_t depth, float* c, int64_t cRow) {
  Floats acc[R * C];
  unroll<R * C>([&](auto i) LOCAL { acc[i] = ADD ? load<Floats>(c + i / C * cRow + i % C * LANES) : Floats{}; });
  for (int64_t k = 0; k < depth; k++) {
    Floats row[C];
    unroll<C>([&](auto j) LOCAL { row[j] = load<Floats>(b + k * bRow + j * LANES); });
    unroll<R>([&](auto r) LOCAL {
      const Floats value = splat(a[r * aRow + k]);
      unroll<C>([&](auto j) LOCAL { acc[r * C + j] += value * row[j]; });
    });
  }
  unroll<R * C>([&](auto i) LOCAL { store(c + i / C * cRow + i % C * LANES, acc[i]); });
}

template <int R, bool ADD>
INLINE void productRows(const float* a, int64_t aRow, const float* b, int64_t bRow, int64_t depth, float* c, int64_t cRow, int64_t vectors) {
  int64_t j = 0;
  for (; j + 2 <= vectors; j += 2) productTile<R, 2, ADD>(a, aRow, b + j * LANES, bRow, depth, c + j * LANES, cRow);
  if (j < vectors) productTile<R, 1, ADD>(a, aRow, b + j * LANES, bRow, depth, c + j * LANES, cRow);
}

template <bool ADD>
void product(const float* a, int64_t aRow, const float* b, int64_t bRow, int64_t depth, float* c, int64_t cRow, int64_t rows, int64_t vectors) {
  const auto step = [&](auto count) LOCAL {
    for (; rows >= count; rows -= count, a += count * aRow, c += count * cRow)
      productRows<count, ADD>(a, aRow, b, bRow, depth, c, cRow, vectors);
  };
  step(Index<QUERY_ROWS>{});
  if constexpr (QUERY_ROWS > 4) step(Index<4>{});
  step(Index<2>{});
  step(Index<1>{});
}

template <int BIT, int... I>
INLINE void exchange(Floats& a, Floats& b, Sequence<I...>) {
  const Floats first = SHUFFLE(a, b, (I & BIT) ? LANES + (I ^ BIT) : I);
  b = SHUFFLE(a, b, (I & BIT) ? LANES + I : (I ^ BIT));
  a = first;
}
// A square of vectors transposed.
template <int BIT = 1>
INLINE void transpose(Floats* v) {
  if constexpr (BIT < LANES) {
    unroll<LANES>([&](auto i) LOCAL {
      if constexpr (!(decltype(i)::value & BIT)) exchange<BIT>(v[i], v[i + BIT], Indices<LANES>{});
    });
    transpose<BIT * 2>(v);
  }
}

// A row as floats, zeros behind it.
template <class T>
INLINE void copyRow(const T* from, int64_t width, int64_t padded, float factor, float* to) {
  int64_t i = 0;
  for (; i + LANES <= width; i += LANES) store(to + i, widened(from + i) * splat(factor));
  for (; i < padded; i++) to[i] = i < width ? widened(from[i]) * factor : 0;
}

struct Rows {
  const float* data;
  int64_t distance;
};
// Rows as floats of a padded width: where they lie if they are such already.
template <class T>
INLINE Rows floatsOf(const T* from, int64_t distance, int64_t count, int64_t width, int64_t padded, float* room) {
  if constexpr (sizeof(T) == sizeof(float)) {
    if (width == padded) return {from, distance};
  }
  for (int64_t i = 0; i < count; i++) copyRow(from + i * distance, width, padded, 1, room + i * padded);
  return {room, padded};
}

// out[padded, KEYS]: zeros where there are no more keys.
INLINE void transposeKeys(Rows keys, int64_t count, int64_t padded, float* out) {
  for (int64_t key = 0; key < KEYS; key += LANES) {
    for (int64_t j = 0; j < padded; j += LANES) {
      Floats block[LANES];
      unroll<LANES>([&](auto i) LOCAL { block[i] = key + i < count ? load<Floats>(keys.data + (key + i) * keys.distance + j) : Floats{}; });
      transpose(block);
      unroll<LANES>([&](auto i) LOCAL { store(out + (j + i) * KEYS + key, block[i]); });
    }
  }
}

// 0 for keys of a tile that a span sees, −∞ for the others; false when it sees all of them.
INLINE bool hides(const dvl::attention::Span& span, int64_t first, int64_t count, float* bias) {
  int64_t seen = 0;
  for (int64_t i = 0; i < KEYS; i++) bias[i] = -__builtin_inff();
  for (int64_t i = 0; i < span.count; i++) {
    const int64_t from = span.keys[i].first > first ? span.keys[i].first : first;
    const int64_t to = span.keys[i].last < first + count ? span.keys[i].last : first + count;
    for (int64_t key = from; key < to; key++, seen++) bias[key - first] = 0;
  }
  return seen < KEYS;
}

// Scores become exponentials of what they are above the largest so far; what was summed before is brought to the same measure.
INLINE void softmaxRow(float* scores, float* most, float* sum, float* out, int64_t padded) {
  Floats largest = load<Floats>(scores);
  for (int64_t j = LANES; j < KEYS; j += LANES) largest = larger(largest, load<Floats>(scores + j));
  const float above = largestOf(largest), now = above > *most ? above : *most;
  if (now == -__builtin_inff()) {
    // Nothing seen yet; NaN stays, as it is above nothing.
    for (int64_t j = 0; j < KEYS; j += LANES) {
      const Floats value = load<Floats>(scores + j);
      store(scores + j, value == value ? Floats{} : value);
    }
    return;
  }
  Floats total = Floats{};
  for (int64_t j = 0; j < KEYS; j += LANES) {
    const Floats value = exponential(load<Floats>(scores + j) - splat(now));
    store(scores + j, value);
    total += value;
  }
  if (now != *most) {
    const Floats factor = exponential(splat(*most - now));
    *sum *= factor[0];
    for (int64_t j = 0; j < padded; j += LANES) store(out + j, load<Floats>(out + j) * factor);
    *most = now;
  }
  *sum += sumOf(total);
}

template <class T>
void attendIn(const Chunk& c, float* scratch) {
  const int64_t padded = (c.width + LANES - 1) / LANES * LANES, rows = c.queries * c.heads;
  float* const queries = scratch;
  float* const out = queries + rows * padded;
  float* const scores = out + rows * padded;
  float* const most = scores + rows * KEYS;
  float* const sum = most + rows;
  float* const keysAcross = sum + rows;
  float* const keyRoom = keysAcross + KEYS * padded;
  float* const valueRoom = keyRoom + KEYS * padded;
  for (int64_t query = 0, row = 0; query < c.queries; query++) {
    for (int64_t head = 0; head < c.heads; head++, row++) {
      copyRow(static_cast<const T*>(c.q) + query * c.qQuery + head * c.qHead, c.width, padded, c.scale, queries + row * padded);
      most[row] = -__builtin_inff();
      sum[row] = 0;
    }
  }
  for (int64_t i = 0; i < rows * padded; i++) out[i] = 0;
  for (int64_t interval = 0; interval < c.keyCount; interval++) {
    for (int64_t first = c.keys[interval].first; first < c.keys[interval].last; first += KEYS) {
      const int64_t count = c.keys[interval].last - first < KEYS ? c.keys[interval].last - first : KEYS;
      transposeKeys(floatsOf(static_cast<const T*>(c.k) + first * c.kKey, c.kKey, count, c.width, padded, keyRoom), count, padded, keysAcross);
      product<false>(queries, padded, keysAcross, KEYS, padded, scores, KEYS, rows, KEYS / LANES);
      for (int64_t i = 0; i < c.spanCount; i++) {
        float bias[KEYS];
        const auto& span = c.spans[i];
        if (!hides(span, first, count, bias)) continue;
        for (int64_t row = span.first * c.heads; row < span.last * c.heads; row++) {
          for (int64_t j = 0; j < KEYS; j += LANES) store(scores + row * KEYS + j, load<Floats>(scores + row * KEYS + j) + load<Floats>(bias + j));
        }
      }
      for (int64_t row = 0; row < rows; row++) softmaxRow(scores + row * KEYS, most + row, sum + row, out + row * padded, padded);
      const Rows values = floatsOf(static_cast<const T*>(c.v) + first * c.vKey, c.vKey, count, c.width, padded, valueRoom);
      product<true>(scores, KEYS, values.data, values.distance, count, out, padded, rows, padded / LANES);
    }
  }
  for (int64_t query = 0, row = 0; query < c.queries; query++) {
    for (int64_t head = 0; head < c.heads; head++, row++) {
      T* const to = static_cast<T*>(c.out) + query * c.outQuery + head * c.outHead;
      storeRow(to, c.width, [&](int64_t j) LOCAL { return load<Floats>(out + row * padded + j) / splat(sum[row]); });
    }
  }
}

void attend(const Chunk& chunk, float* scratch) {
  if (chunk.half) return attendIn<BFloat16>(chunk, scratch);
  attendIn<float>(chunk, scratch);
}

}  // namespace
