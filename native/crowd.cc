// How long OpenMP's waiting threads spin, by what else the machine is doing (Linux, GNU's libgomp).
//
// libgomp's waiting threads spin for 14 ms, which is right for a program that has the processors to itself and very wrong
// beside another one: each of its parallel loops then waits for a thread that lost its processor. The library reads the
// number once, but has a second, short one (100 spins) for when it manages more threads than there are processors. So
// while other programs want the processors, a parked thread keeps a team of its own: the count is exceeded, and everything
// spins shortly. Nothing else changes: the same threads compute the same bits.
#include "engine.h"

#ifdef __linux__

#include <ATen/Parallel.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <dlfcn.h>
#include <link.h>
#include <mutex>
#include <thread>
#include <unistd.h>

namespace dvl {

namespace {
using Parallel = void (*)(void (*)(void*), void*, unsigned, unsigned);

constexpr auto WINDOW = std::chrono::milliseconds(100);
/** Processors wanted by others beyond what this program leaves free: more is a crowd, less for a while is none. */
constexpr double CROWD = 0.35, QUIET = 0.2;
constexpr int CROWD_WINDOWS = 2, QUIET_WINDOWS = 4;

/** Never freed: its threads live as long as the process. */
struct Watch {
  Parallel parallel = nullptr;
  unsigned processors = 1, threads = 1;
  std::mutex mutex;
  std::condition_variable changed;
  bool parked = false;
  std::atomic<bool> crowded{false};
};
Watch* watch = nullptr;

int findGomp(dl_phdr_info* info, size_t, void* data) {
  if (!std::strstr(info->dlpi_name, "libgomp")) return 0;
  *static_cast<std::string*>(data) = info->dlpi_name;
  return 1;
}

/** libgomp's entry for parallel loops; null where another OpenMP is used. */
Parallel gompParallel() {
  std::string path;
  dl_iterate_phdr(findGomp, &path);
  if (path.empty()) return nullptr;
  void* library = dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  return library ? reinterpret_cast<Parallel>(dlsym(library, "GOMP_parallel")) : nullptr;
}

/** Keeps a team of one thread more than there are processors, asleep, until it is told to end; its threads end with it. */
void park() {
  watch->parallel([](void*) {}, nullptr, watch->processors + 1, 0);
  std::unique_lock<std::mutex> lock(watch->mutex);
  watch->changed.wait(lock, [] { return !watch->parked; });
}

void setCrowded(bool crowded) {
  {
    std::lock_guard<std::mutex> lock(watch->mutex);
    watch->parked = crowded;
  }
  watch->crowded = crowded;
  if (crowded) std::thread(park).detach();
  else watch->changed.notify_all();
}

struct Usage {
  double wall, all, own;  // seconds, processor-seconds
};

/** Processor time of the machine and of this process. */
bool usage(Usage& now) {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  now.wall = static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  now.own = static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  FILE* file = std::fopen("/proc/stat", "re");
  if (!file) return false;
  unsigned long long user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0;
  const int read = std::fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &wait, &irq, &softirq);
  std::fclose(file);
  now.all = static_cast<double>(user + nice + system + irq + softirq) / static_cast<double>(sysconf(_SC_CLK_TCK));
  return read == 7;
}

void observe() {
  Usage before{}, now{};
  if (!usage(before)) return;
  for (int crowd = 0, quiet = 0;;) {
    std::this_thread::sleep_for(WINDOW);
    if (!usage(now)) return;
    const double wall = now.wall - before.wall, own = (now.own - before.own) / wall;
    const double others = (now.all - before.all) / wall - own;
    before = now;
    // This program's threads want all processors it may use, also while they sleep for the others.
    const double missing = others + static_cast<double>(watch->threads) - static_cast<double>(watch->processors);
    // What others do while this program rests says nothing of the time when it computes again.
    const bool rests = own < 0.1;
    quiet = missing < QUIET ? quiet + 1 : 0;
    crowd = !rests && missing > CROWD ? crowd + 1 : 0;
    if (!watch->crowded && crowd >= CROWD_WINDOWS) setCrowded(true);
    else if (watch->crowded && (rests || quiet >= QUIET_WINDOWS)) setCrowded(false);
  }
}
}  // namespace

// watchCrowd() -> whether it can: from now on waiting threads spin long or shortly, by what other programs do.
DVL_FUNCTION(watchCrowd) {
  napi_value result;
  if (!watch) {
    const Parallel parallel = gompParallel();
    if (parallel) {
      watch = new Watch;
      watch->threads = static_cast<unsigned>(at::get_num_threads());
      watch->parallel = parallel;
      watch->processors = static_cast<unsigned>(sysconf(_SC_NPROCESSORS_ONLN));
      std::thread(observe).detach();
    }
  }
  napi_get_boolean(env, watch != nullptr, &result);
  return result;
}

// isCrowded(): whether other programs want the processors.
DVL_FUNCTION(isCrowded) {
  napi_value result;
  napi_get_boolean(env, watch && watch->crowded, &result);
  return result;
}

}  // namespace dvl

#else

namespace dvl {
DVL_FUNCTION(watchCrowd) {
  napi_value result;
  napi_get_boolean(env, false, &result);
  return result;
}
DVL_FUNCTION(isCrowded) {
  napi_value result;
  napi_get_boolean(env, false, &result);
  return result;
}
}  // namespace dvl

#endif
