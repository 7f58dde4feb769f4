// The inner loops over a row of logits. Includes no library code: see vectors.h.
#pragma once
#include "choice.h"
#include "vectors.h"

namespace {

using dvl::choice::Extremes;
using dvl::choice::RUN;

Extremes extremes(const float* logits, int64_t count) {
  Extremes result{__builtin_inff(), -__builtin_inff(), true};
  Floats least = splat(result.least), most = splat(result.most), zeros = Floats{};
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    const Floats values = load<Floats>(logits + i);
    least = smaller(least, values);
    most = larger(most, values);
    zeros += values * 0.0f;  // NaN from then on where one is not finite
  }
  float rest = sumOf(zeros);
  result.least = smallestOf(least);
  result.most = largestOf(most);
  for (; i < count; i++) {
    result.least = logits[i] < result.least ? logits[i] : result.least;
    result.most = logits[i] > result.most ? logits[i] : result.most;
    rest += logits[i] * 0.0f;
  }
  result.finite = rest == 0;
  return result;
}

void exponentials(const float* logits, int64_t count, float most, float temperature, float* weights, double* sums) {
  const auto weight = [&](Floats values) LOCAL {
    const Floats below = values - splat(most);
    return exponential(temperature == 1 ? below : below / splat(temperature));
  };
  for (int64_t first = 0, run = 0; first < count; first += RUN, run++) {
    const int64_t last = first + RUN < count ? first + RUN : count;
    Floats total = Floats{};
    int64_t i = first;
    for (; i + LANES <= last; i += LANES) {
      const Floats values = weight(load<Floats>(logits + i));
      store(weights + i, values);
      total += values;
    }
    if (i < last) {
      float rest[LANES];
      for (int64_t j = 0; j < LANES; j++) rest[j] = i + j < last ? logits[i + j] : -__builtin_inff();
      const Floats values = weight(load<Floats>(rest));
      for (int64_t j = 0; i + j < last; j++) weights[i + j] = values[j];
      total += values;
    }
    sums[run] = sumOf(total);
  }
}

}  // namespace
