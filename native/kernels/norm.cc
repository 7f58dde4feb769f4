// The operator diffusionvl::rms_norm: a pass over each row, where the engine's own makes several over all of them. The arithmetic is in
// norm-tile.h.
#include "norm.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <algorithm>
#include <atomic>
#include <torch/library.h>

#include "dispatch.h"

namespace dvl::norm {

namespace {

constexpr int64_t PORTION = 64;  // rows

at::Tensor rmsNorm(const at::Tensor& x, const at::Tensor& weight, double eps, std::optional<c10::string_view> instructionSet) {
  TORCH_CHECK_VALUE(x.dim() >= 1 && weight.dim() == 1 && x.size(-1) == weight.size(0), "rms_norm: x [..., H] and weight [H] expected, got ", x.sizes(),
                    " and ", weight.sizes());
  TORCH_CHECK_TYPE((x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) && weight.scalar_type() == x.scalar_type(),
                   "rms_norm: x and weight must both be float32 or bfloat16, not ", x.scalar_type(), " and ", weight.scalar_type());
  TORCH_CHECK(!at::GradMode::is_enabled() || !(x.requires_grad() || weight.requires_grad()), "rms_norm has no backward pass: call it without gradients");
  const at::Tensor values = x.contiguous(), scale = weight.contiguous();
  at::Tensor out = at::empty(x.sizes(), x.options());
  const int64_t width = x.size(-1), rows = width == 0 ? 0 : x.numel() / width, bytes = width * x.element_size();
  const Kernel& kernel = kernelsNamed(instructionSet, "rms_norm").norm;
  const char* const from = static_cast<const char*>(values.const_data_ptr());
  char* const to = static_cast<char*>(out.data_ptr());
  std::atomic<int64_t> next{0};
  auto norming = [&] {
    for (int64_t first; (first = PORTION * next++) < rows;) {
      for (int64_t row = first; row < std::min(rows, first + PORTION); row++)
        kernel.row(x.scalar_type() == at::kBFloat16, from + row * bytes, scale.const_data_ptr(), width, static_cast<float>(eps), to + row * bytes);
    }
  };
  inParallel(rows * width < SERIAL ? 1 : std::min<int64_t>((rows + PORTION - 1) / PORTION, at::get_num_threads()), norming);
  return out;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(diffusionvl, library) { library.def("rms_norm(Tensor x, Tensor weight, float eps, str? instruction_set=None) -> Tensor"); }

TORCH_LIBRARY_IMPL(diffusionvl, CPU, library) { library.impl("rms_norm", rmsNorm); }

}  // namespace dvl::norm
