// Handles, error mapping and the module table.
#include "engine.h"

#include <c10/util/Exception.h>

namespace dvl {

namespace {
constexpr uint64_t SLOT_BITS = 24;  // 16 million live tensors; the rest of the 53 bits counts reuses of a slot
constexpr uint64_t SLOT_MASK = (1u << SLOT_BITS) - 1;

double handleOf(uint32_t slot, uint32_t generation) {
  return static_cast<double>((static_cast<uint64_t>(generation) << SLOT_BITS) | slot);
}
}  // namespace

double Engine::add(at::Tensor tensor) {
  uint32_t slot;
  if (freeSlots.empty()) {
    TORCH_CHECK(entries.size() < SLOT_MASK, "more than 16 million live tensors");
    slot = static_cast<uint32_t>(entries.size());
    entries.emplace_back();
  } else {
    slot = freeSlots.back();
    freeSlots.pop_back();
  }
  Entry& entry = entries[slot];
  // A storage is charged to the handle that brings it: views and aliases cost nothing.
  entry.bytes = tensor.has_storage() && tensor.storage().use_count() == 1 ? tensor.storage().nbytes() : 0;
  entry.tensor = std::move(tensor);
  frame[ALLOCATED] += static_cast<double>(entry.bytes);
  frame[LIVE_BYTES] += static_cast<double>(entry.bytes);
  frame[LIVE_TENSORS] += 1;
  return handleOf(slot, entry.generation);
}

void Engine::uncharge(double handle) {
  Entry& entry = entries[static_cast<uint64_t>(handle) & SLOT_MASK];
  frame[ALLOCATED] -= static_cast<double>(entry.bytes);
  frame[LIVE_BYTES] -= static_cast<double>(entry.bytes);
  entry.bytes = 0;
}

const at::Tensor& Engine::get(double handle) {
  const uint64_t bits = handle >= 0 && handle < 9007199254740992.0 ? static_cast<uint64_t>(handle) : SLOT_MASK;
  const uint64_t slot = bits & SLOT_MASK;
  TORCH_CHECK_VALUE(slot < entries.size() && entries[slot].generation == bits >> SLOT_BITS && entries[slot].tensor.defined(),
                    "this tensor was disposed");
  return entries[slot].tensor;
}

void Engine::release(double handle) noexcept {
  const uint64_t bits = static_cast<uint64_t>(handle);
  const uint64_t slot = bits & SLOT_MASK;
  if (slot >= entries.size()) return;
  Entry& entry = entries[slot];
  if (entry.generation != bits >> SLOT_BITS || !entry.tensor.defined()) return;
  frame[LIVE_BYTES] -= static_cast<double>(entry.bytes);
  frame[LIVE_TENSORS] -= 1;
  at::Tensor dying = std::move(entry.tensor);
  entry.tensor = at::Tensor();
  entry.bytes = 0;
  entry.generation = (entry.generation + 1) & 0x1fffffff;
  freeSlots.push_back(static_cast<uint32_t>(slot));
}

void Engine::drain() {
  std::vector<napi_ref> dead;
  {
    std::lock_guard<std::mutex> lock(mutex);
    dead.swap(deadCallbacks);
  }
  for (napi_ref ref : dead) napi_delete_reference(env, ref);
}

Engine* engineOf(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return static_cast<Engine*>(data);
}

namespace {
void throwError(napi_env env, const char* code, const std::string& message) {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) napi_throw_error(env, code, message.c_str());
}

std::string clean(const c10::Error& error) {
  std::string text = error.what_without_backtrace();
  for (const char* tail : {"This could be because", "\nException raised from"}) {
    const size_t at = text.find(tail);
    if (at != std::string::npos) text.resize(at);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.pop_back();
  return text;
}
}  // namespace

napi_value guarded(napi_env env, Engine* engine, napi_value (*body)(napi_env, Engine*, napi_callback_info), napi_callback_info info) {
  try {
    if (!engine->deadCallbacks.empty()) engine->drain();
    return body(env, engine, info);
  } catch (const c10::OutOfMemoryError& e) {
    throwError(env, "ERR_TORCH_MEMORY", clean(e));
  } catch (const c10::IndexError& e) {
    throwError(env, "ERR_TORCH_INDEX", clean(e));
  } catch (const c10::ValueError& e) {
    throwError(env, "ERR_TORCH_VALUE", clean(e));
  } catch (const c10::TypeError& e) {
    throwError(env, "ERR_TORCH_TYPE", clean(e));
  } catch (const c10::NotImplementedError& e) {
    throwError(env, "ERR_TORCH_NOT_IMPLEMENTED", clean(e));
  } catch (const c10::Error& e) {
    const std::string text = clean(e);
    throwError(env, text.find("can't allocate memory") != std::string::npos ? "ERR_TORCH_MEMORY" : "ERR_TORCH", text);
  } catch (const std::bad_alloc&) {
    throwError(env, "ERR_TORCH_MEMORY", "out of memory");
  } catch (const std::exception& e) {
    throwError(env, "ERR_TORCH", e.what());
  } catch (...) {
    throwError(env, "ERR_TORCH", "unknown C++ exception");
  }
  engine->stack.clear();
  return nullptr;
}

double numberArg(napi_env env, napi_value value) {
  double result = 0;
  TORCH_CHECK_TYPE(napi_get_value_double(env, value, &result) == napi_ok, "expected a number");
  return result;
}

std::string stringArg(napi_env env, napi_value value) {
  size_t length = 0;
  TORCH_CHECK_TYPE(napi_get_value_string_utf8(env, value, nullptr, 0, &length) == napi_ok, "expected a string");
  std::string text(length, '\0');
  napi_get_value_string_utf8(env, value, text.data(), length + 1, &length);
  return text;
}

napi_value number(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}

size_t writeTensor(Engine* engine, size_t at, const at::Tensor& tensor) {
  const auto sizes = tensor.sizes();
  TORCH_CHECK(at + 6 + sizes.size() < engine->frameLength, "too many results for one call");
  double* out = engine->frame + at;
  const auto device = tensor.device();
  const double dtype = static_cast<double>(tensor.scalar_type());
  out[1] = engine->add(tensor);
  out[0] = TENSOR;
  out[2] = dtype;
  out[3] = static_cast<double>(device.type());
  out[4] = device.has_index() ? device.index() : 0;
  out[5] = static_cast<double>(sizes.size());
  for (size_t i = 0; i < sizes.size(); i++) out[6 + i] = static_cast<double>(sizes[i]);
  return at + 6 + sizes.size();
}

namespace {
// Runs inside the garbage collection: C++ only.
void finalizeTensor(node_api_basic_env, void* data, void* hint) {
  static_cast<Engine*>(hint)->release(static_cast<double>(reinterpret_cast<uintptr_t>(data)));
}

napi_value track(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  size_t argc = 2;
  napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr);
  double handle = 0;
  napi_get_value_double(env, argv[1], &handle);
  napi_wrap(env, argv[0], reinterpret_cast<void*>(static_cast<uintptr_t>(handle)), finalizeTensor, engineOf(env), nullptr);
  return nullptr;
}

// free(Float64Array handles, count)
napi_value freeHandles(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  size_t argc = 2;
  napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr);
  void* data = nullptr;
  size_t length = 0;
  napi_typedarray_type type;
  double count = 0;
  napi_get_value_double(env, argv[1], &count);
  if (napi_get_typedarray_info(env, argv[0], &type, &length, &data, nullptr, nullptr) != napi_ok || type != napi_float64_array) return nullptr;
  Engine* engine = engineOf(env);
  for (size_t i = 0; i < std::min(length, static_cast<size_t>(count)); i++) engine->release(static_cast<double*>(data)[i]);
  return nullptr;
}

// frame(Float64Array, Uint8Array): the caller keeps both alive for the life of the environment.
napi_value setFrame(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  size_t argc = 2;
  napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr);
  Engine* engine = engineOf(env);
  napi_typedarray_type type;
  void* data = nullptr;
  napi_get_typedarray_info(env, argv[0], &type, &engine->frameLength, &data, nullptr, nullptr);
  engine->frame = static_cast<double*>(data);
  napi_get_typedarray_info(env, argv[1], &type, &engine->textLength, &data, nullptr, nullptr);
  engine->text = static_cast<uint8_t*>(data);
  napi_ref keep;  // pinned: the engine writes into both until the process ends
  napi_create_reference(env, argv[0], 1, &keep);
  napi_create_reference(env, argv[1], 1, &keep);
  return nullptr;
}

void closeEnvironment(node_api_basic_env, void* data, void*) {
  // Wrapped objects may be finalized after this: the engine object itself is never deleted.
  auto* engine = static_cast<Engine*>(data);
  static double graveyard[ARGS];
  engine->frame = graveyard;
  engine->frameLength = 0;
}
}  // namespace

}  // namespace dvl

NAPI_MODULE_INIT() {
  using namespace dvl;
  auto* engine = new Engine();
  engine->env = env;
  napi_set_instance_data(env, engine, closeEnvironment, nullptr);
  installWarningHandler(engine);
  struct { const char* name; napi_callback fn; } table[] = {
      {"frame", setFrame}, {"track", track}, {"free", freeHandles}, {"resolve", resolve}, {"call", call}, {"repeat", repeat},
      {"overloads", overloads}, {"backward", backward}, {"gradients", gradients}, {"gradOf", gradOf},
      {"setGrad", setGrad}, {"customFunction", customFunction}, {"setGradMode", setGradMode},
      {"setInferenceMode", setInferenceMode}, {"fromBuffer", fromBuffer}, {"toBuffer", toBuffer}, {"item", item},
      {"mapFile", mapFile}, {"viewBytes", viewBytes}, {"describe", describe}, {"seed", seed},
      {"newGenerator", newGenerator},
      {"setThreads", setThreads}, {"oneThread", oneThread}, {"keepFreedMemory", keepFreedMemory}, {"returnFreedMemory", returnFreedMemory}, {"systemInfo", systemInfo}, {"loadLibrary", loadLibrary},
      {"deviceCount", deviceCount}, {"synchronize", synchronize}, {"takeWarnings", takeWarnings},
      {"watchCrowd", watchCrowd}, {"isCrowded", isCrowded}, {"watchInterrupts", watchInterrupts}, {"unwatchInterrupts", unwatchInterrupts},
  };
  for (const auto& entry : table) {
    napi_value fn;
    napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.fn, nullptr, &fn);
    napi_set_named_property(env, exports, entry.name, fn);
  }
  return exports;
}
