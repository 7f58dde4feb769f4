// The state of one JavaScript environment: tensor handles, the shared call frame, pending work. Knows nothing of single operators.
#pragma once
// The experimental level (2³¹−1): only there do finalizers run inside the garbage collection, also in synchronous loops.
#define NAPI_VERSION 2147483647
#include <node_api.h>

#include <ATen/Tensor.h>
#include <ATen/core/Generator.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <mutex>
#include <string>
#include <vector>

namespace dvl {

// How one argument of an operator is converted (libtorch's schema types, reduced to what a caller can pass).
enum class Kind : uint8_t {
  Tensor, Int, Float, Bool, Scalar, IntList, FloatList, BoolList, ScalarList, TensorList, OptTensorList,
  String, ScalarType, Device, Generator, Unsupported,
};

struct Arg {
  Kind kind;
  bool optional;
  bool hasDefault;
  int64_t fixedLength;  // int[N]: a single number is broadcast to N; 0 when not fixed
  c10::IValue defaultValue;
  std::string name;
};

struct Op {
  c10::OperatorHandle handle;
  std::string name;
  std::vector<Arg> args;
  bool mutates;
  bool reshapes;  // changes the shape of an argument in place
};

// Tags of values in the frame; src/torch/native.ts writes the same numbers.
enum Tag { DEFAULT = 0, NONE = 1, TENSOR = 2, NUMBER = 3, BOOL = 4, NUMBERS = 5, BOOLS = 6, TENSORS = 7, STRING = 8, GENERATOR = 9, BIGINT = 10, SAME = 11, NUMBERLIST = 12 };

// Frame slots before the arguments.
enum Slot { ALLOCATED = 0, LIVE_BYTES = 1, LIVE_TENSORS = 2, WARNINGS = 3, OP = 4, COUNT = 5, RESULTS = 6, ARGS = 16 };

struct Engine {
  struct Entry {
    at::Tensor tensor;
    uint32_t generation = 0;
    size_t bytes = 0;
  };
  std::vector<Entry> entries;
  std::vector<uint32_t> freeSlots;
  std::vector<Op> ops;
  std::vector<at::Generator> generators;
  std::vector<c10::IValue> stack;
  std::vector<napi_ref> deadCallbacks;  // released on the next call: no JavaScript may run inside a finalizer
  std::mutex mutex;                     // guards deadCallbacks and warnings, which other threads may touch
  std::vector<std::string> warnings;
  napi_ref pendingError = nullptr;      // a JavaScript error that crossed libtorch's backward pass
  napi_env env = nullptr;
  double* frame = nullptr;
  size_t frameLength = 0;
  uint8_t* text = nullptr;
  size_t textLength = 0;

  double add(at::Tensor tensor);                 // a new handle that owns the tensor
  void uncharge(double handle);                  // its bytes are somebody else's: they count nothing
  const at::Tensor& get(double handle);          // throws when it was disposed
  void release(double handle) noexcept;          // a stale handle is left alone
  void drain();                                  // frees callbacks that died since the last call
};

Engine* engineOf(napi_env env);

// Runs `body` and turns whatever it throws into a JavaScript error: nothing may escape into N-API.
napi_value guarded(napi_env env, Engine* engine, napi_value (*body)(napi_env, Engine*, napi_callback_info), napi_callback_info info);

double numberArg(napi_env env, napi_value value);
std::string stringArg(napi_env env, napi_value value);
napi_value number(napi_env env, double value);

// Writes one tensor result to the frame: TENSOR, handle, dtype, device type, device index, rank, sizes...; returns the next index.
size_t writeTensor(Engine* engine, size_t at, const at::Tensor& tensor);

#define DVL_FUNCTION(name)                                                           \
  static napi_value name##Body(napi_env env, dvl::Engine* engine, napi_callback_info info); \
  napi_value name(napi_env env, napi_callback_info info) {                           \
    return dvl::guarded(env, dvl::engineOf(env), name##Body, info);                  \
  }                                                                                  \
  static napi_value name##Body([[maybe_unused]] napi_env env, [[maybe_unused]] dvl::Engine* engine, [[maybe_unused]] napi_callback_info info)

#define DVL_ARGS(n)                                                 \
  napi_value argv[n];                                               \
  size_t argc = n;                                                  \
  napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr);       \
  TORCH_CHECK_VALUE(argc >= n, "internal: expected ", n, " arguments")

// call.cc
napi_value resolve(napi_env, napi_callback_info);
napi_value call(napi_env, napi_callback_info);
napi_value repeat(napi_env, napi_callback_info);
napi_value overloads(napi_env, napi_callback_info);
// autograd.cc
napi_value backward(napi_env, napi_callback_info);
napi_value gradients(napi_env, napi_callback_info);
napi_value gradOf(napi_env, napi_callback_info);
napi_value setGrad(napi_env, napi_callback_info);
napi_value customFunction(napi_env, napi_callback_info);
napi_value setGradMode(napi_env, napi_callback_info);
napi_value setInferenceMode(napi_env, napi_callback_info);
// data.cc
napi_value fromBuffer(napi_env, napi_callback_info);
napi_value toBuffer(napi_env, napi_callback_info);
napi_value item(napi_env, napi_callback_info);
napi_value mapFile(napi_env, napi_callback_info);
napi_value viewBytes(napi_env, napi_callback_info);
napi_value describe(napi_env, napi_callback_info);
// system.cc
napi_value seed(napi_env, napi_callback_info);
napi_value newGenerator(napi_env, napi_callback_info);
napi_value setThreads(napi_env, napi_callback_info);
napi_value oneThread(napi_env, napi_callback_info);
napi_value keepFreedMemory(napi_env, napi_callback_info);
napi_value returnFreedMemory(napi_env, napi_callback_info);
napi_value systemInfo(napi_env, napi_callback_info);
napi_value loadLibrary(napi_env, napi_callback_info);
napi_value deviceCount(napi_env, napi_callback_info);
napi_value synchronize(napi_env, napi_callback_info);
napi_value takeWarnings(napi_env, napi_callback_info);
void installWarningHandler(Engine*);
// crowd.cc
napi_value watchCrowd(napi_env, napi_callback_info);
napi_value isCrowded(napi_env, napi_callback_info);
// signals.cc
napi_value watchInterrupts(napi_env, napi_callback_info);
napi_value unwatchInterrupts(napi_env, napi_callback_info);
void rememberMapping(const void* start, size_t length, const std::string& path);
void forgetMapping(const void* start);

}  // namespace dvl
