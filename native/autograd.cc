// Autograd: backward, gradients, and functions whose backward pass is written in JavaScript.
#include "engine.h"

#include <ATen/core/grad_mode.h>
#include <c10/core/AutogradState.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/variable.h>

namespace dvl {

namespace {

// A JavaScript error raised inside a backward pass; it travels through libtorch as this and is rethrown as itself.
struct JsError : std::runtime_error {
  JsError() : std::runtime_error("an error in a JavaScript backward function") {}
};

struct HandleScope {
  napi_env env;
  napi_handle_scope scope;
  explicit HandleScope(napi_env env) : env(env) { napi_open_handle_scope(env, &scope); }
  ~HandleScope() { napi_close_handle_scope(env, scope); }
};

// Tensors, or NONE where there is none, as results in the frame.
void writeList(Engine* engine, const torch::autograd::variable_list& list) {
  size_t at = ARGS;
  for (const auto& tensor : list) {
    TORCH_CHECK(at + 1 < engine->frameLength, "too many results for one call");
    if (tensor.defined()) {
      at = writeTensor(engine, at, tensor);
    } else {
      engine->frame[at++] = NONE;
    }
  }
  engine->frame[RESULTS] = static_cast<double>(list.size());
}

struct JsNode : torch::autograd::Node {
  Engine* engine;
  napi_ref callback;
  size_t inputs;

  JsNode(Engine* engine, napi_ref callback, size_t inputs) : engine(engine), callback(callback), inputs(inputs) {}
  ~JsNode() override { drop(); }

  std::string name() const override { return "JavaScriptBackward"; }
  void release_variables() override { drop(); }

  void drop() {
    if (!callback) return;
    std::lock_guard<std::mutex> lock(engine->mutex);
    engine->deadCallbacks.push_back(callback);
    callback = nullptr;
  }

  // Gradients of the outputs are written to the frame; the callback reads them and leaves those of the inputs there.
  torch::autograd::variable_list apply(torch::autograd::variable_list&& grads) override {
    TORCH_CHECK(callback, "backward a second time through a JavaScript function: its saved tensors are gone");
    // The engine records only for create_graph; what JavaScript computes here is not recorded.
    TORCH_CHECK(!at::GradMode::is_enabled(), "no second derivative through a JavaScript function");
    napi_env env = engine->env;
    const HandleScope scope(env);
    writeList(engine, grads);
    napi_value fn, receiver, result;
    napi_get_reference_value(env, callback, &fn);
    napi_get_undefined(env, &receiver);
    const napi_status status = napi_call_function(env, receiver, fn, 0, nullptr, &result);
    if (status != napi_ok) {
      napi_value error;
      napi_get_and_clear_last_exception(env, &error);
      if (engine->pendingError) napi_delete_reference(env, engine->pendingError);
      engine->pendingError = nullptr;
      napi_create_reference(env, error, 1, &engine->pendingError);
      throw JsError();
    }
    torch::autograd::variable_list out(inputs);
    for (size_t i = 0; i < inputs; i++) {
      const double handle = engine->frame[ARGS + i];
      if (handle >= 0) out[i] = engine->get(handle);
    }
    return out;
  }
};

// Runs a pass of the engine on this thread for every device: JavaScript callbacks may only run here.
template <typename F>
void onThisThread(napi_env env, Engine* engine, F&& pass) {
  auto& state = c10::AutogradState::get_tls_state();
  const bool before = state.get_multithreading_enabled();
  state.set_multithreading_enabled(false);
  try {
    pass();
    state.set_multithreading_enabled(before);
  } catch (...) {
    c10::AutogradState::get_tls_state().set_multithreading_enabled(before);
    if (engine->pendingError) {
      napi_value error;
      napi_get_reference_value(env, engine->pendingError, &error);
      napi_delete_reference(env, engine->pendingError);
      engine->pendingError = nullptr;
      napi_throw(env, error);
    }
    throw;
  }
}

std::vector<double> handles(napi_env env, napi_value array) {
  void* data = nullptr;
  size_t length = 0;
  napi_typedarray_type type;
  TORCH_CHECK_TYPE(napi_get_typedarray_info(env, array, &type, &length, &data, nullptr, nullptr) == napi_ok && type == napi_float64_array,
                   "internal: expected a Float64Array of handles");
  const auto* values = static_cast<double*>(data);
  return {values, values + length};
}

torch::autograd::variable_list tensors(Engine* engine, const std::vector<double>& list) {
  torch::autograd::variable_list out;
  for (double handle : list) out.push_back(handle < 0 ? at::Tensor() : engine->get(handle));
  return out;
}

bool truth(napi_env env, napi_value value) {
  bool result = false;
  TORCH_CHECK_TYPE(napi_get_value_bool(env, value, &result) == napi_ok, "expected true or false");
  return result;
}

}  // namespace

// backward(Float64Array roots, Float64Array grads (-1: ones), retainGraph)
DVL_FUNCTION(backward) {
  DVL_ARGS(3);
  const auto roots = tensors(engine, handles(env, argv[0]));
  const auto grads = tensors(engine, handles(env, argv[1]));
  const bool retain = truth(env, argv[2]);
  onThisThread(env, engine, [&] { torch::autograd::backward(roots, grads, retain, false); });
  return nullptr;
}

// gradients(roots, inputs, grads, retainGraph, createGraph): the results are written to the frame.
DVL_FUNCTION(gradients) {
  DVL_ARGS(5);
  const auto roots = tensors(engine, handles(env, argv[0]));
  const auto inputs = tensors(engine, handles(env, argv[1]));
  const auto grads = tensors(engine, handles(env, argv[2]));
  const bool retain = truth(env, argv[3]);
  const bool create = truth(env, argv[4]);
  torch::autograd::variable_list out;
  onThisThread(env, engine, [&] { out = torch::autograd::grad(roots, inputs, grads, retain, create, true); });
  writeList(engine, out);
  return nullptr;
}

DVL_FUNCTION(gradOf) {
  DVL_ARGS(1);
  const auto& grad = engine->get(numberArg(env, argv[0])).grad();
  if (grad.defined()) {
    writeTensor(engine, ARGS, grad);
    engine->uncharge(engine->frame[ARGS + 1]);  // the same tensor as the leaf's own
  } else {
    engine->frame[ARGS] = NONE;
  }
  engine->frame[RESULTS] = 1;
  return nullptr;
}

// setGrad(handle, gradHandle or -1)
DVL_FUNCTION(setGrad) {
  DVL_ARGS(2);
  const double grad = numberArg(env, argv[1]);
  const at::Tensor tensor = engine->get(numberArg(env, argv[0]));
  const at::Tensor value = grad < 0 ? at::Tensor() : engine->get(grad);
  TORCH_CHECK_VALUE(!value.defined() || (value.sizes() == tensor.sizes() && value.scalar_type() == tensor.scalar_type() && value.device() == tensor.device()),
                    "a gradient must have the shape, type and device of its tensor");
  tensor.mutable_grad() = value;
  return nullptr;
}

// customFunction(Float64Array outputs, Float64Array inputs, backward): outputs come back with a history that ends in `backward`.
DVL_FUNCTION(customFunction) {
  DVL_ARGS(3);
  const auto outputs = tensors(engine, handles(env, argv[0]));
  const auto inputs = tensors(engine, handles(env, argv[1]));
  TORCH_CHECK_VALUE(ARGS + inputs.size() < engine->frameLength, "too many inputs");
  napi_ref callback;
  TORCH_CHECK_TYPE(napi_create_reference(env, argv[2], 1, &callback) == napi_ok, "the backward function must be a function");
  auto node = c10::make_intrusive<JsNode>(engine, callback, inputs.size());
  node->set_next_edges(torch::autograd::collect_next_edges(inputs));
  size_t at = ARGS;
  for (const auto& output : outputs) {
    at::Tensor fresh = output.detach();
    torch::autograd::set_history(fresh, node);
    at = writeTensor(engine, at, fresh);
  }
  engine->frame[RESULTS] = static_cast<double>(outputs.size());
  return nullptr;
}

// setGradMode(on) -> what it was
DVL_FUNCTION(setGradMode) {
  DVL_ARGS(1);
  const bool before = at::GradMode::is_enabled();
  at::GradMode::set_enabled(truth(env, argv[0]));
  napi_value result;
  napi_get_boolean(env, before, &result);
  return result;
}

// setInferenceMode(on): nests by replacing the guard of this thread.
DVL_FUNCTION(setInferenceMode) {
  DVL_ARGS(1);
  static thread_local std::unique_ptr<c10::InferenceMode> guard;
  guard.reset();
  if (truth(env, argv[0])) guard = std::make_unique<c10::InferenceMode>();
  return nullptr;
}

}  // namespace dvl
