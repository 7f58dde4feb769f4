// The operator diffusionvl::choose_tokens: the rows of many sequences at once, each by its own rules. The arithmetic is in choice-tile.h.
#include "choice.h"

#include <ATen/core/Tensor.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <torch/library.h>
#include <vector>

#include "dispatch.h"

namespace dvl::choice {

namespace {

// The columns of `rules` and of the result; src/torch/kernels.ts has the same.
enum Rule { UNIFORM, TEMPERATURE, TOP_K, TOP_P, BANNED, PLAIN, RULES };
enum Result { TOKEN, CONFIDENCE, STATE, RESULTS };
enum State { FINE = 0, NOT_FINITE = 1, ALL_THE_SAME = 2 };

// Nothing between logits but rounding.
constexpr float SAME = 1e-4f;

// What choosing from a row needs beside it; one for each thread.
struct Room {
  std::vector<float> weights;
  std::vector<double> sums;
  std::vector<int32_t> order;

  explicit Room(int64_t vocabulary) : weights(vocabulary), sums((vocabulary + RUN - 1) / RUN) {}

  double total() const { return std::accumulate(sums.begin(), sums.end(), 0.0); }

  // After weights were set to 0.
  void sumAgain() {
    const auto size = static_cast<int64_t>(weights.size());
    for (int64_t run = 0; run * RUN < size; run++)
      sums[run] = std::accumulate(weights.begin() + run * RUN, weights.begin() + std::min(size, (run + 1) * RUN), 0.0);
  }

  // The first token with which the weights together are above `reach`.
  int64_t above(double reach) const {
    double before = 0;
    int64_t last = 0;
    for (int64_t run = 0; run < static_cast<int64_t>(sums.size()); run++) {
      if (sums[run] == 0) continue;
      const bool inside = before + sums[run] > reach;
      double sum = before;
      for (int64_t i = run * RUN; i < std::min<int64_t>(weights.size(), (run + 1) * RUN); i++) {
        if (weights[i] == 0) continue;
        last = i;
        sum += weights[i];
        if (inside && sum > reach) return i;
      }
      if (inside) return last;  // where the two sums differ in their last digit
      before += sums[run];
    }
    return last;
  }
};

// Only the k largest logits and those as large as the k-th keep their weights.
void keepTopK(const float* logits, int64_t k, int64_t banned, Room& room) {
  std::vector<float> sorted(logits, logits + room.weights.size());
  if (banned >= 0) sorted[banned] = -std::numeric_limits<float>::infinity();
  std::nth_element(sorted.begin(), sorted.begin() + (k - 1), sorted.end(), std::greater<float>());
  for (size_t i = 0; i < room.weights.size(); i++) {
    if (logits[i] < sorted[k - 1]) room.weights[i] = 0;
  }
}

// Only the likeliest tokens up to the first that takes their probability beyond p keep their weights.
void keepTopP(double p, Room& room) {
  std::vector<float>& weights = room.weights;
  std::vector<int32_t>& order = room.order;
  order.clear();
  for (size_t i = 0; i < weights.size(); i++) {
    if (weights[i] > 0) order.push_back(static_cast<int32_t>(i));
  }
  const double reach = p * std::accumulate(order.begin(), order.end(), 0.0, [&](double sum, int32_t i) { return sum + weights[i]; });
  const auto likelier = [&](int32_t a, int32_t b) { return weights[a] > weights[b] || (weights[a] == weights[b] && a < b); };
  double before = 0;
  // In growing parts: few are likely.
  for (size_t first = 0, part = 64; first < order.size(); first += part, part *= 4) {
    const size_t last = std::min(order.size(), first + part);
    std::partial_sort(order.begin() + first, order.begin() + last, order.end(), likelier);
    for (size_t i = first; i < last; i++) {
      if (before > reach) {
        for (; i < order.size(); i++) weights[order[i]] = 0;
        return;
      }
      before += weights[order[i]];
    }
  }
}

void chooseRow(const Kernel& kernel, const float* logits, const double* rule, double* result, Room& room) {
  const auto size = static_cast<int64_t>(room.weights.size());
  const int64_t banned = rule[BANNED] >= 0 && rule[BANNED] < size ? static_cast<int64_t>(rule[BANNED]) : -1;
  Extremes all = kernel.extremes(logits, banned < 0 ? size : banned);
  if (banned >= 0) {
    const Extremes behind = kernel.extremes(logits + banned + 1, size - banned - 1);
    all = {std::min(all.least, behind.least), std::max(all.most, behind.most), all.finite && behind.finite && std::isfinite(logits[banned])};
  }
  const int64_t left = size - (banned >= 0);
  result[TOKEN] = result[CONFIDENCE] = 0;
  result[STATE] = !all.finite || left == 0 ? NOT_FINITE : left > 1 && all.most - all.least <= SAME ? ALL_THE_SAME : FINE;
  if (result[STATE] != FINE) return;

  const double temperature = rule[TEMPERATURE];
  const auto weigh = [&](double by) {
    kernel.exponentials(logits, size, all.most, static_cast<float>(by), room.weights.data(), room.sums.data());
    if (banned < 0) return;
    room.weights[banned] = 0;
    const int64_t run = banned / RUN;
    room.sums[run] = std::accumulate(room.weights.begin() + run * RUN, room.weights.begin() + std::min(size, (run + 1) * RUN), 0.0);
  };
  weigh(temperature == 0 ? 1 : temperature);
  int64_t token = 0;
  if (temperature == 0) {
    while (token == banned || logits[token] != all.most) token++;
  } else {
    const bool cutsK = rule[TOP_K] > 0 && rule[TOP_K] < static_cast<double>(size), cutsP = rule[TOP_P] < 1;
    if (cutsK) keepTopK(logits, static_cast<int64_t>(rule[TOP_K]), banned, room);
    if (cutsP) keepTopP(rule[TOP_P], room);
    if (cutsK || cutsP) room.sumAgain();
    token = room.above(rule[UNIFORM] * room.total());
    if (rule[PLAIN] != 0 && (cutsK || cutsP || temperature != 1)) weigh(1);
  }
  result[TOKEN] = static_cast<double>(token);
  result[CONFIDENCE] = room.weights[token] / room.total();
}

at::Tensor chooseTokens(at::TensorList logits, const at::Tensor& rules, std::optional<c10::string_view> instructionSet) {
  TORCH_CHECK_VALUE(rules.dim() == 2 && rules.size(1) == RULES && rules.scalar_type() == at::kDouble && rules.is_contiguous(),
                    "choose_tokens: rules must be contiguous float64 [n, ", static_cast<int>(RULES), "], not ", rules.sizes());
  std::vector<const float*> rows;
  int64_t vocabulary = 0;
  for (const auto& part : logits) {
    TORCH_CHECK_VALUE(part.dim() == 2 && part.size(1) > 0 && (vocabulary == 0 || part.size(1) == vocabulary), "choose_tokens: logits must be [n, V], not ",
                      part.sizes());
    TORCH_CHECK_TYPE(part.scalar_type() == at::kFloat && (part.stride(1) == 1 || part.size(1) == 1), "choose_tokens: logits must be float32, row by row");
    vocabulary = part.size(1);
    for (int64_t i = 0; i < part.size(0); i++) rows.push_back(part.const_data_ptr<float>() + i * part.stride(0));
  }
  const auto count = static_cast<int64_t>(rows.size());
  TORCH_CHECK_VALUE(count == rules.size(0), "choose_tokens: ", rules.size(0), " rules for ", count, " rows");
  at::Tensor chosen = at::empty({count, RESULTS}, at::kDouble);
  const Kernel& kernel = kernelsNamed(instructionSet, "choose_tokens").choice;
  std::atomic<int64_t> next{0};
  auto choosing = [&] {
    Room room(vocabulary);
    for (int64_t row; (row = next++) < count;)
      chooseRow(kernel, rows[row], rules.const_data_ptr<double>() + row * RULES, chosen.data_ptr<double>() + row * RESULTS, room);
  };
  // An exponential takes as long as a dozen multiplications.
  inParallel(count * vocabulary * 12 < SERIAL ? 1 : std::min<int64_t>(count, at::get_num_threads()), choosing);
  return chosen;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(diffusionvl, library) {
  library.def("choose_tokens(Tensor[] logits, Tensor rules, str? instruction_set=None) -> Tensor");
}

TORCH_LIBRARY_IMPL(diffusionvl, CPU, library) { library.impl("choose_tokens", chooseTokens); }

}  // namespace dvl::choice
