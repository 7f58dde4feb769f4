// The operator diffusionvl::skinny_linear: a few rows by a weight that is streamed from memory in the type it is stored in.
// Knows instruction sets and threads; the arithmetic is in skinny-linear-tile.h.
#include "dispatch.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <atomic>
#include <torch/library.h>

namespace dvl::skinny {

namespace {

// Weights per block: fetched ahead into the second-level cache while few rows are computed; more where many rows use them,
// since x is read again for each block.
constexpr int64_t BLOCK_BYTES = 1 << 16, LARGE_BLOCK_BYTES = 1 << 18, LARGE_ROWS = 12;

Stored storedAs(const at::Tensor& weight) {
  switch (weight.scalar_type()) {
    case at::kBFloat16: return Stored::BFloat16;
    case at::kHalf: return Stored::Float16;
    case at::kFloat: return Stored::Float32;
    case at::kChar: return Stored::Int8;
    default: TORCH_CHECK_TYPE(false, "skinny_linear: weights must be bfloat16, float16, float32 or int8, not ", weight.scalar_type());
  }
}

void multiply(const Kernel& kernel, Product product, const float* x, const float* bias) {
  const int64_t work = product.rows * product.inputs * product.outputs;
  const int64_t threads = work < SERIAL ? 1 : at::get_num_threads();
  const int64_t steps = (product.inputs + kernel.step - 1) / kernel.step;
  const at::Tensor packed = at::empty({product.rows * steps * kernel.step}, at::kFloat);
  product.packed = packed.const_data_ptr<float>();

  const int64_t portions = product.rows * product.inputs < SERIAL ? 1 : threads * 4;
  std::atomic<int64_t> portion{0};
  auto packing = [&] {
    for (int64_t i; (i = portion++) < portions;) {
      kernel.pack(product.stored, x, product.rows, product.inputs, steps * i / portions, steps * (i + 1) / portions, packed.data_ptr<float>());
    }
  };
  inParallel(portions > 1 ? threads : 1, packing);

  static constexpr int64_t ELEMENT[] = {2, 2, 4, 1};
  const int64_t rowBytes = product.inputs * ELEMENT[static_cast<int>(product.stored)];
  const int64_t wanted = std::min((product.rows > LARGE_ROWS ? LARGE_BLOCK_BYTES : BLOCK_BYTES) / rowBytes, product.outputs / (threads * 4));
  const int64_t size = std::max<int64_t>(1, wanted / OUTPUTS) * OUTPUTS;
  const int64_t blocks = (product.outputs + size - 1) / size;
  std::atomic<int64_t> taken{0};
  // Each thread takes its next block before it computes this one, so that it fetches weights for itself.
  auto computing = [&] {
    for (int64_t block = taken++, next; block < blocks; block = next) {
      next = taken++;
      const int64_t first = block * size, last = std::min(product.outputs, first + size);
      for (int64_t row = 0; row < product.rows; row++) {
        float* y = product.y + row * product.outputs;
        for (int64_t i = first; i < last; i++) y[i] = bias ? bias[i] : 0;
      }
      // Past the end this block is fetched again, which costs nothing.
      kernel.block(product, first, last, (next + 1) * size <= product.outputs ? next * size : first);
    }
  };
  inParallel(std::min(threads, blocks), computing);
}

at::Tensor skinnyLinear(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias, const std::optional<at::Tensor>& scales,
                      std::optional<c10::string_view> instructionSet) {
  TORCH_CHECK_VALUE(x.dim() >= 1 && weight.dim() == 2 && x.size(-1) == weight.size(1), "skinny_linear: x [..., K] and weight [N, K] expected, got ",
                    x.sizes(), " and ", weight.sizes());
  TORCH_CHECK_TYPE(x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kHalf,
                   "skinny_linear: x must be float32, bfloat16 or float16, not ", x.scalar_type());
  TORCH_CHECK_VALUE(weight.is_contiguous(), "skinny_linear: the weight must be contiguous");
  const Stored stored = storedAs(weight);
  TORCH_CHECK_VALUE(scales.has_value() == (stored == Stored::Int8), "skinny_linear: int8 weights need scales, others take none");
  const auto perOutput = [&](const std::optional<at::Tensor>& vector, const char* name) {
    if (!vector) return at::Tensor();
    TORCH_CHECK_VALUE(vector->dim() == 1 && vector->size(0) == weight.size(0), "skinny_linear: ", name, " must be [", weight.size(0), "], not ", vector->sizes());
    return vector->to(at::kFloat).contiguous();
  };
  const at::Tensor biases = perOutput(bias, "the bias"), factors = perOutput(scales, "the scales");
  TORCH_CHECK(!at::GradMode::is_enabled() || !(x.requires_grad() || weight.requires_grad() || (bias && bias->requires_grad())),
              "skinny_linear has no backward pass: call it without gradients");

  auto shape = x.sizes().vec();
  shape.back() = weight.size(0);
  at::Tensor y = at::empty(shape, x.options().dtype(at::kFloat));
  if (y.numel() == 0) return y.to(x.scalar_type());
  if (weight.size(1) == 0) return (biases.defined() ? y.copy_(biases.expand_as(y)) : y.zero_()).to(x.scalar_type());
  const at::Tensor values = x.to(at::kFloat).contiguous();
  const Product product{stored, weight.const_data_ptr(), factors.defined() ? factors.const_data_ptr<float>() : nullptr, nullptr, y.data_ptr<float>(),
                        values.numel() / weight.size(1), weight.size(1), weight.size(0)};
  multiply(kernelsNamed(instructionSet, "skinny_linear").linear, product, values.const_data_ptr<float>(), biases.defined() ? biases.const_data_ptr<float>() : nullptr);
  return y.to(x.scalar_type());
}

}  // namespace

TORCH_LIBRARY(diffusionvl, library) {
  library.def("skinny_linear(Tensor x, Tensor weight, Tensor? bias=None, Tensor? scales=None, str? instruction_set=None) -> Tensor");
}

TORCH_LIBRARY_IMPL(diffusionvl, CPU, library) { library.impl("skinny_linear", skinnyLinear); }

}  // namespace dvl::skinny
