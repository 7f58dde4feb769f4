// Skinny products: what the operator in skinny-linear.cc and the inner loops, compiled once per instruction set, say to each other.
#pragma once
#include <cstdint>

namespace dvl::skinny {

enum class Stored { BFloat16, Float16, Float32, Int8 };

// Everything one product needs: y[rows, outputs] += scales * (x[rows, inputs] . weight[outputs, inputs]^T).
struct Product {
  Stored stored;
  const void* weight;   // row-major as it lies on disk; rows need no alignment beyond that of an element
  const float* scales;  // [outputs], or null: 1
  const float* packed;  // x in the order `pack` gave it
  float* y;             // set to the bias, or to zeros, before
  int64_t rows, inputs, outputs;
};

struct Kernel {
  int64_t step;  // inputs taken at a time; the packed rows are padded to a multiple of it
  // Brings steps [first, last) of x [rows, inputs] into the order the loops read.
  void (*pack)(Stored stored, const float* x, int64_t rows, int64_t inputs, int64_t first, int64_t last, float* packed);
  // Computes outputs [first, last); meanwhile fetches the weights of outputs [next, next + last - first) into the cache.
  void (*block)(const Product& product, int64_t first, int64_t last, int64_t next);
};

// Outputs per block are a multiple of this: of the widths of all tiles.
constexpr int64_t OUTPUTS = 12;

}  // namespace dvl::skinny
