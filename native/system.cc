// The machine around the operators: threads, devices, seeds, late-loaded libraries, warnings.
#include "engine.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/ops/tensor.h>
#include <ATen/Functions.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>
#include <dlfcn.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <limits>

// Called directly: at::set_num_threads would change the default of every thread of the process, and these only the calling one's.
extern "C" int omp_get_max_threads() __attribute__((weak));
extern "C" void omp_set_num_threads(int threads) __attribute__((weak));
extern "C" int MKL_Set_Num_Threads_Local(int threads) __attribute__((weak));  // returns what it replaces, 0 for none

namespace dvl {

namespace {
// Warnings come from any thread; they are queued and fetched by the next call that looks.
struct Forward : c10::WarningHandler {
  Engine* engine;
  explicit Forward(Engine* engine) : engine(engine) {}
  void process(const c10::Warning& warning) override {
    std::lock_guard<std::mutex> lock(engine->mutex);
    if (engine->warnings.size() < 100) engine->warnings.push_back(warning.msg());
    if (engine->frame) engine->frame[WARNINGS] = static_cast<double>(engine->warnings.size());
  }
};
}  // namespace

void installWarningHandler(Engine* engine) { c10::WarningUtils::set_warning_handler(new Forward(engine)); }

// glibc returns every large block to the system and asks for it anew: each step of a training would fault all its pages
// in again, an eighth to a fifth of its time. Large blocks come from the heap instead, and the heap stays.
DVL_FUNCTION(keepFreedMemory) {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif
  return nullptr;
}

// What lies free between blocks in use goes back too: blocks of ever other sizes leave holes that the next does not fit.
DVL_FUNCTION(returnFreedMemory) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  return nullptr;
}

DVL_FUNCTION(takeWarnings) {
  std::string all;
  {
    std::lock_guard<std::mutex> lock(engine->mutex);
    for (const auto& text : engine->warnings) all += text + '\0';
    engine->warnings.clear();
    engine->frame[WARNINGS] = 0;
  }
  napi_value result;
  napi_create_string_utf8(env, all.data(), all.size(), &result);
  return result;
}

// seed(n): the default generators of every device.
DVL_FUNCTION(seed) {
  DVL_ARGS(1);
  at::manual_seed(static_cast<uint64_t>(numberArg(env, argv[0])));
  return nullptr;
}

// newGenerator(device, seed) -> id
DVL_FUNCTION(newGenerator) {
  DVL_ARGS(2);
  const at::Device device(stringArg(env, argv[0]));
  const auto value = static_cast<uint64_t>(numberArg(env, argv[1]));
  at::Generator generator = device.is_cpu()
      ? at::detail::createCPUGenerator(value)
      : at::globalContext().getAcceleratorHooksInterface(device.type()).getNewGenerator(device.has_index() ? device.index() : 0);
  generator.set_current_seed(value);
  engine->generators.push_back(generator);
  return number(env, static_cast<double>(engine->generators.size() - 1));
}

DVL_FUNCTION(setThreads) {
  DVL_ARGS(1);
  const double threads = numberArg(env, argv[0]);
  TORCH_CHECK_VALUE(threads >= 1 && threads <= 4096, "threads must be between 1 and 4096");
  at::set_num_threads(static_cast<int>(threads));
  return nullptr;
}

// oneThread(true): operators called by this thread compute on one; oneThread(false): on as many as before. Does not nest.
DVL_FUNCTION(oneThread) {
  DVL_ARGS(1);
  static thread_local int threads = 0, mklThreads = 0;
  bool on = false;
  napi_get_value_bool(env, argv[0], &on);
  if (!omp_get_max_threads || !omp_set_num_threads || on == (threads > 0)) return nullptr;
  if (on) {
    threads = at::get_num_threads();  // libtorch sets its default when it is first asked, which must not undo this
    omp_set_num_threads(1);
    if (MKL_Set_Num_Threads_Local) mklThreads = MKL_Set_Num_Threads_Local(1);
  } else {
    omp_set_num_threads(threads);
    if (MKL_Set_Num_Threads_Local) MKL_Set_Num_Threads_Local(mklThreads);
    threads = 0;
  }
  return nullptr;
}

// systemInfo() -> JSON text
DVL_FUNCTION(systemInfo) {
  std::string text = "{\"threads\":" + std::to_string(at::get_num_threads()) + ",\"cpuCapability\":\"" + at::get_cpu_capability() + "\"" +
                     ",\"mkldnn\":" + (at::globalContext().hasMKLDNN() ? "true" : "false") + "}";
  napi_value result;
  napi_create_string_utf8(env, text.c_str(), text.size(), &result);
  return result;
}

// loadLibrary(path): registers another backend (libtorch_cuda); must run before anything asks for that backend.
DVL_FUNCTION(loadLibrary) {
  DVL_ARGS(1);
  const std::string path = stringArg(env, argv[0]);
  if (!dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL)) {
    const char* reason = dlerror();
    C10_THROW_ERROR(Error, "cannot load " + path + ": " + (reason ? reason : "unknown reason"));
  }
  return nullptr;
}

// deviceCount("cuda")
DVL_FUNCTION(deviceCount) {
  DVL_ARGS(1);
  const at::Device device(stringArg(env, argv[0]));
  if (device.is_cpu()) return number(env, 1);
  if (!c10::impl::hasDeviceGuardImpl(device.type())) return number(env, 0);
  return number(env, c10::impl::getDeviceGuardImpl(device.type())->deviceCount());
}

// synchronize("cuda:0"): waits for the device.
DVL_FUNCTION(synchronize) {
  DVL_ARGS(1);
  const at::Device device(stringArg(env, argv[0]));
  if (device.is_cpu() || !c10::impl::hasDeviceGuardImpl(device.type())) return nullptr;
  c10::impl::getDeviceGuardImpl(device.type())->synchronizeDevice(device.has_index() ? device.index() : 0);
  return nullptr;
}

}  // namespace dvl
