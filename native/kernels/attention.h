// Ragged attention: what the operator in attention.cc and its inner loops say to each other.
#pragma once
#include <cstdint>

namespace dvl::attention {

struct Interval {
  int64_t first, last;  // half-open
};

// Neighbouring queries that see the same keys.
struct Span {
  int64_t first, last;  // of the chunk's queries
  const Interval* keys;
  int64_t count;
};

// Some queries of one sequence, with all heads that share a key head. Distances are in elements; an element of a row follows the other.
struct Chunk {
  bool half;  // bfloat16, else float32
  const void* q;
  int64_t qQuery, qHead;
  const void* k;
  const void* v;
  int64_t kKey, vKey;
  void* out;
  int64_t outQuery, outHead;
  int64_t queries, heads, width;
  float scale;
  const Span* spans;
  int64_t spanCount;
  const Interval* keys;  // those that any of the queries sees, ascending and apart
  int64_t keyCount;
};

// Floats that a chunk of so many rows (queries times heads) of this width needs.
constexpr int64_t KEYS = 32, MOST_LANES = 16;
constexpr int64_t scratchSize(int64_t rows, int64_t width) {
  const int64_t padded = (width + MOST_LANES - 1) / MOST_LANES * MOST_LANES;
  return 2 * rows * padded + rows * (KEYS + 2) + 3 * KEYS * padded;
}

struct Kernel {
  void (*attend)(const Chunk& chunk, float* scratch);
};

}  // namespace dvl::attention
