// The operator diffusionvl::attend_ragged: attention of several sequences that lie behind one another, over what their caches hold.
// Knows caches, patterns and threads; the arithmetic is in attention-tile.h.
#include "attention.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <algorithm>
#include <atomic>
#include <cstring>
#include <torch/library.h>
#include <vector>

#include "dispatch.h"

namespace dvl::attention {

namespace {

constexpr int64_t ROWS = 64;  // queries times heads of a chunk, at most, unless more heads share a key head

// What the plan says of a sequence (src/nn/packed-attention.ts writes it).
struct Sequence {
  int64_t rows, past, queries;  // keys of this call, keys before them, queries
  std::vector<Span> spans;
};

struct Plan {
  std::vector<Sequence> sequences;
  std::vector<Interval> keys;  // of all spans
  int64_t rows = 0, queries = 0;
};

// Reads int32 numbers: for each sequence rows, past, queries and its number of spans; for each span first and last query and its
// number of intervals; for each interval first and last key.
Plan readPlan(const at::Tensor& numbers, size_t sequences) {
  TORCH_CHECK_VALUE(numbers.scalar_type() == at::kInt && numbers.is_contiguous(), "attend_ragged: the plan must be contiguous int32");
  const int32_t* at = numbers.const_data_ptr<int32_t>();
  const int32_t* const end = at + numbers.numel();
  const auto next = [&]() -> int64_t {
    TORCH_CHECK_VALUE(at < end && *at >= 0, "attend_ragged: the plan ends early, or has a negative number");
    return *at++;
  };
  const auto range = [&](int64_t most) -> Interval {
    const int64_t first = next(), last = next();
    TORCH_CHECK_VALUE(first <= last && last <= most, "attend_ragged: [", first, ", ", last, ") of ", most, " in the plan");
    return {first, last};
  };
  Plan plan;
  plan.keys.reserve(numbers.numel() / 2);  // spans point into it: it never grows
  for (size_t i = 0; i < sequences; i++) {
    Sequence sequence{next(), next(), next(), {}};
    int64_t seen = 0;
    for (int64_t spans = next(); spans > 0; spans--) {
      const auto [first, last] = range(sequence.queries);
      TORCH_CHECK_VALUE(first == seen, "attend_ragged: spans must follow each other");
      seen = last;
      const int64_t count = next();
      TORCH_CHECK_VALUE(count <= (end - at) / 2, "attend_ragged: the plan ends early");
      sequence.spans.push_back({first, last, plan.keys.data() + plan.keys.size(), count});
      for (int64_t k = 0; k < count; k++) plan.keys.push_back(range(sequence.past + sequence.rows));
    }
    TORCH_CHECK_VALUE(seen == sequence.queries, "attend_ragged: the spans end at query ", seen, " of ", sequence.queries);
    plan.rows += sequence.rows;
    plan.queries += sequence.queries;
    plan.sequences.push_back(std::move(sequence));
  }
  TORCH_CHECK_VALUE(at == end, "attend_ragged: the plan goes on behind its end");
  return plan;
}

std::vector<Interval> united(const std::vector<Span>& spans) {
  std::vector<Interval> all;
  for (const Span& span : spans) all.insert(all.end(), span.keys, span.keys + span.count);
  std::sort(all.begin(), all.end(), [](const Interval& a, const Interval& b) { return a.first < b.first; });
  std::vector<Interval> result;
  for (const Interval& one : all) {
    if (!result.empty() && one.first <= result.back().last) result.back().last = std::max(result.back().last, one.last);
    else if (one.first < one.last) result.push_back(one);
  }
  return result;
}

// Keys or values of one key head: key i at data + i * distance elements.
struct Side {
  const char* data;
  int64_t distance, head;
};

// Some queries of a sequence; their spans count from the first of them.
struct Part {
  size_t sequence;
  int64_t first, queries;  // of all queries
  std::vector<Span> spans;
  std::vector<Interval> keys;
};

std::vector<Part> cut(const Plan& plan, int64_t heads) {
  const int64_t most = std::max<int64_t>(1, ROWS / heads);
  std::vector<Part> parts;
  int64_t before = 0;
  for (size_t i = 0; i < plan.sequences.size(); i++) {
    const Sequence& sequence = plan.sequences[i];
    for (const Span& span : sequence.spans) {
      for (int64_t first = span.first; first < span.last;) {
        const bool fits = !parts.empty() && parts.back().sequence == i && parts.back().queries < most;
        if (!fits) parts.push_back({i, before + first, 0, {}, {}});
        Part& part = parts.back();
        const int64_t count = std::min(span.last - first, most - part.queries);
        part.spans.push_back({part.queries, part.queries + count, span.keys, span.count});
        part.queries += count;
        first += count;
      }
    }
    before += sequence.queries;
  }
  for (Part& part : parts) part.keys = united(part.spans);
  return parts;
}

// Copies [1, heads, rows, width] behind the keys of a store's layer.
void write(const at::Tensor& from, int64_t first, int64_t rows, char* to, int64_t capacity, int64_t past, int64_t element) {
  const int64_t heads = from.size(1), bytes = from.size(3) * element;
  const char* data = static_cast<const char*>(from.const_data_ptr());
  for (int64_t head = 0; head < heads; head++) {
    for (int64_t row = 0; row < rows; row++)
      std::memcpy(to + (head * capacity + past + row) * bytes, data + (head * from.stride(1) + (first + row) * from.stride(2)) * element, bytes);
  }
}

at::Tensor attendRagged(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const c10::List<std::optional<at::Tensor>>& stores, int64_t layer,
                        const at::Tensor& numbers, double scale, std::optional<c10::string_view> instructionSet) {
  for (const at::Tensor* x : {&q, &k, &v}) {
    TORCH_CHECK_VALUE(x->dim() == 4 && x->size(0) == 1 && x->size(3) == k.size(3) && (x->stride(3) == 1 || x->size(3) == 1),
                      "attend_ragged: [1, heads, rows, width] expected, row by row, not ", x->sizes());
    TORCH_CHECK_TYPE(x->scalar_type() == k.scalar_type(), "attend_ragged: queries, keys and values must be of one type");
  }
  TORCH_CHECK_TYPE(k.scalar_type() == at::kFloat || k.scalar_type() == at::kBFloat16, "attend_ragged: float32 or bfloat16 expected, not ", k.scalar_type());
  TORCH_CHECK_VALUE(k.sizes() == v.sizes() && k.size(1) > 0 && q.size(1) % k.size(1) == 0, "attend_ragged: ", q.size(1), " heads over keys ", k.sizes(),
                    " and values ", v.sizes());
  TORCH_CHECK(!at::GradMode::is_enabled() || !(q.requires_grad() || k.requires_grad() || v.requires_grad()),
              "attend_ragged has no backward pass: call it without gradients");
  const int64_t keyHeads = k.size(1), heads = q.size(1) / keyHeads, width = k.size(3), element = k.element_size();
  const Plan plan = readPlan(numbers, stores.size());
  TORCH_CHECK_VALUE(plan.rows == k.size(2) && plan.queries == q.size(2), "attend_ragged: a plan of ", plan.queries, " queries and ", plan.rows,
                    " rows for ", q.sizes(), " and ", k.sizes());

  std::vector<Side> keys, values;
  int64_t first = 0;
  for (size_t i = 0; i < plan.sequences.size(); i++) {
    const int64_t rows = plan.sequences[i].rows, past = plan.sequences[i].past;
    const std::optional<at::Tensor> store = stores.get(i);
    if (store) {
      const int64_t capacity = store->dim() == 6 ? store->size(4) : 0;
      TORCH_CHECK_VALUE(store->dim() == 6 && store->size(1) == 2 && store->size(2) == 1 && store->size(3) == keyHeads && store->size(5) == width &&
                            store->is_contiguous() && layer >= 0 && layer < store->size(0) && past + rows <= capacity,
                        "attend_ragged: no room for ", past + rows, " tokens of layer ", layer, " in a store ", store->sizes());
      TORCH_CHECK_TYPE(store->scalar_type() == k.scalar_type(), "attend_ragged: a store of another type");
      const int64_t size = keyHeads * capacity * width * element;
      char* const ofKeys = static_cast<char*>(store->data_ptr()) + layer * 2 * size;
      write(k, first, rows, ofKeys, capacity, past, element);
      write(v, first, rows, ofKeys + size, capacity, past, element);
      keys.push_back({ofKeys, width, capacity * width});
      values.push_back({ofKeys + size, width, capacity * width});
    } else {
      TORCH_CHECK_VALUE(past == 0, "attend_ragged: ", past, " tokens before, and no store");
      const auto inCall = [&](const at::Tensor& x) -> Side {
        return {static_cast<const char*>(x.const_data_ptr()) + first * x.stride(2) * element, x.stride(2), x.stride(1)};
      };
      keys.push_back(inCall(k));
      values.push_back(inCall(v));
    }
    first += rows;
  }

  const at::Tensor out = at::empty({1, q.size(2), q.size(1), width}, q.options());
  const std::vector<Part> parts = cut(plan, heads);
  int64_t work = 0, most = 0;
  for (const Part& part : parts) {
    for (const Interval& interval : part.keys) work += part.queries * (interval.last - interval.first) * q.size(1) * width * 2;
    most = std::max(most, part.queries * heads);
  }
  const auto tasks = static_cast<int64_t>(parts.size()) * keyHeads;
  const int64_t threads = work < SERIAL ? 1 : std::min<int64_t>(tasks, at::get_num_threads());
  const int64_t size = scratchSize(most, width);
  const at::Tensor scratch = at::empty({std::max<int64_t>(1, threads), size}, at::kFloat);
  const Kernel& kernel = kernelsNamed(instructionSet, "attend_ragged").attention;
  const char* const queriesAt = static_cast<const char*>(q.const_data_ptr());
  char* const outAt = static_cast<char*>(out.data_ptr());
  std::atomic<int64_t> next{0}, thread{0};
  auto attending = [&] {
    float* const room = scratch.data_ptr<float>() + size * thread++;
    for (int64_t task; (task = next++) < tasks;) {
      const Part& part = parts[task / keyHeads];
      const int64_t head = task % keyHeads;
      const Side &ofKeys = keys[part.sequence], &ofValues = values[part.sequence];
      kernel.attend({k.scalar_type() == at::kBFloat16,
                     queriesAt + (part.first * q.stride(2) + head * heads * q.stride(1)) * element,
                     q.stride(2),
                     q.stride(1),
                     ofKeys.data + head * ofKeys.head * element,
                     ofValues.data + head * ofValues.head * element,
                     ofKeys.distance,
                     ofValues.distance,
                     outAt + (part.first * q.size(1) + head * heads) * width * element,
                     q.size(1) * width,
                     width,
                     part.queries,
                     heads,
                     width,
                     static_cast<float>(scale),
                     part.spans.data(),
                     static_cast<int64_t>(part.spans.size()),
                     part.keys.data(),
                     static_cast<int64_t>(part.keys.size())},
                    room);
    }
  };
  inParallel(threads, attending);
  return out.transpose(1, 2);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(diffusionvl, library) {
  library.def(
      "attend_ragged(Tensor q, Tensor k, Tensor v, Tensor?[] stores, int layer, Tensor plan, float scale, str? instruction_set=None) -> Tensor");
}

TORCH_LIBRARY_IMPL(diffusionvl, CPU, library) { library.impl("attend_ragged", attendRagged); }

}  // namespace dvl::attention
