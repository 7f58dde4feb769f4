// Signals that must be answered while JavaScript or a native call holds the event loop: Ctrl-C, and files that shrink.
// Everything a handler does here is async-signal-safe: it writes, looks at atomics, and leaves with _exit.
#include "engine.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

// Node's own: gives the terminal its mode back, and may be called from a handler.
extern "C" int uv_tty_reset_mode(void) __attribute__((weak));

namespace dvl {

namespace {
constexpr int INTERRUPTED = 130;
constexpr int FAILED = 1;
bool terminal = false;  // asked once, outside handlers

void say(const char* text) {
  size_t left = std::strlen(text);
  while (left > 0) {
    const ssize_t written = write(STDERR_FILENO, text, left);
    if (written <= 0) return;
    text += written;
    left -= static_cast<size_t>(written);
  }
}

[[noreturn]] void leave(int code) {
  if (uv_tty_reset_mode) uv_tty_reset_mode();
  if (terminal) say("\x1b[0m");
  _exit(code);
}

// ---- Ctrl-C ----

constexpr int WATCHED[] = {SIGINT, SIGTERM};
struct sigaction before[2];  // Node's handlers, which tell the event loop
std::atomic<int> asked{0};
std::atomic<int64_t> keyPressed{0};
bool watching = false;
char notice[512];

int64_t milliseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

// npm passes on a Ctrl-C that the terminal has sent to the whole group already: that is one press, not two.
bool isEcho([[maybe_unused]] const siginfo_t* info) {
#ifdef SI_KERNEL
  if (info->si_code == SI_KERNEL) keyPressed = milliseconds();
  else if (info->si_code == SI_USER && info->si_pid == getppid()) return milliseconds() - keyPressed < 500;
#endif
  return false;
}

void onDeadline(int) { leave(INTERRUPTED); }

void onInterrupt(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  if (isEcho(info)) return;
  const int count = ++asked;
  if (count == 1) say(notice);
  if (count > 2) leave(INTERRUPTED);
  if (count == 2) {
    // JavaScript may still end the program in its own way; if it does not come to it, this does.
    struct sigaction deadline = {};
    deadline.sa_handler = onDeadline;
    sigaction(SIGALRM, &deadline, nullptr);
    itimerval soon = {};
    soon.it_value.tv_usec = 300000;
    setitimer(ITIMER_REAL, &soon, nullptr);
  }
  const struct sigaction& next = before[signal == SIGINT ? 0 : 1];
  if (next.sa_flags & SA_SIGINFO) next.sa_sigaction(signal, info, context);
  else if (next.sa_handler != SIG_DFL && next.sa_handler != SIG_IGN) next.sa_handler(signal);
  errno = error;
}

// ---- mapped files ----

struct Mapping {
  uintptr_t start;
  size_t length;
  std::string path;
};
std::atomic<Mapping*> mappings[4096];
struct sigaction beforeBus;

void onBusError(int signal, siginfo_t* info, void*) {
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  for (const auto& slot : mappings) {
    const Mapping* mapping = slot.load();
    // Whole pages: the last one reaches beyond the end of the file.
    if (!mapping || address < mapping->start || address - mapping->start >= mapping->length + 65536) continue;
    struct stat status;
    const bool shorter = stat(mapping->path.c_str(), &status) == 0 && static_cast<size_t>(status.st_size) < mapping->length;
    say(terminal ? "\r\x1b[Kerror: " : "error: ");
    say(mapping->path.c_str());
    say(shorter ? ": the file became shorter while the model was in use\n  Copy or download it again; do not write to the files of a model that is in use.\n"
                : ": the file cannot be read any more\n  The disk or the network it lies on failed while the model was in use.\n");
    leave(FAILED);
  }
  // Not ours: the fault happens again, and whoever was here before answers it.
  sigaction(SIGBUS, &beforeBus, nullptr);
  if (info->si_code <= 0) raise(signal);
}

void install(int signal, void (*handler)(int, siginfo_t*, void*), struct sigaction* previous) {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigaction(signal, nullptr, previous);
  sigaction(signal, &action, nullptr);
}
}  // namespace

void rememberMapping(const void* start, size_t length, const std::string& path) {
  static const bool installed = [] {
    terminal = isatty(STDERR_FILENO);
    install(SIGBUS, onBusError, &beforeBus);
    return true;
  }();
  (void)installed;
  auto* mapping = new Mapping{reinterpret_cast<uintptr_t>(start), length, path};
  for (auto& slot : mappings) {
    Mapping* empty = nullptr;
    if (slot.compare_exchange_strong(empty, mapping)) return;
  }
  delete mapping;
}

void forgetMapping(const void* start) {
  for (auto& slot : mappings) {
    Mapping* mapping = slot.load();
    if (mapping && mapping->start == reinterpret_cast<uintptr_t>(start)) {
      slot = nullptr;
      delete mapping;
      return;
    }
  }
}

// watchInterrupts(notice): from now on the first SIGINT or SIGTERM prints the notice at once and goes on to JavaScript,
// the second ends the program within a third of a second, whatever runs. JavaScript must listen to both already.
DVL_FUNCTION(watchInterrupts) {
  DVL_ARGS(1);
  const std::string text = stringArg(env, argv[0]);
  TORCH_CHECK_VALUE(text.size() < sizeof(notice), "internal: the notice is too long");
  std::memcpy(notice, text.c_str(), text.size() + 1);
  asked = 0;
  terminal = isatty(STDERR_FILENO);
  if (watching) return nullptr;
  watching = true;
  for (int i = 0; i < 2; i++) install(WATCHED[i], onInterrupt, &before[i]);
  return nullptr;
}

// unwatchInterrupts(): Node's handlers again, where nobody has replaced them since.
DVL_FUNCTION(unwatchInterrupts) {
  if (!watching) return nullptr;
  watching = false;
  for (int i = 0; i < 2; i++) {
    struct sigaction current;
    sigaction(WATCHED[i], nullptr, &current);
    if ((current.sa_flags & SA_SIGINFO) && current.sa_sigaction == onInterrupt) sigaction(WATCHED[i], &before[i], nullptr);
  }
  return nullptr;
}

}  // namespace dvl
