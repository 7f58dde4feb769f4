// Which kernels this CPU runs, and on which threads.
#pragma once
#include <optional>
#include <string_view>

#include "kernels.h"

namespace dvl {

// The best set that this CPU has, or the one of this name; `where` is who asks, for the error where it has none.
const Kernels& kernelsNamed(std::optional<std::string_view> name, const char* where);

// Multiplications that one thread does before another would have woken up.
constexpr int64_t SERIAL = 1 << 18;

// Runs `body` on so many threads of those libtorch itself computes on; on this one where it is one of them already.
void inParallel(int64_t threads, void (*body)(void*), void* data);

template <class F>
void inParallel(int64_t threads, F& body) {
  inParallel(threads, [](void* data) { (*static_cast<F*>(data))(); }, &body);
}

}  // namespace dvl
