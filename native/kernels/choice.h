// Tokens from logits: what the operator in choice.cc and its inner loops say to each other.
#pragma once
#include <cstdint>

namespace dvl::choice {

struct Extremes {
  float least, most;
  bool finite;  // all of them
};

// Weights whose sum is taken together.
constexpr int64_t RUN = 256;

struct Kernel {
  Extremes (*extremes)(const float* logits, int64_t count);
  // weights = e^((logits − most) / temperature), and the sum of each run of them.
  void (*exponentials)(const float* logits, int64_t count, float most, float temperature, float* weights, double* sums);
};

}  // namespace dvl::choice
