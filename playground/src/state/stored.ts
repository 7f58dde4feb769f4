/** Signals whose value outlives a reload of the page, but not its tab. */

import { effect, type Signal, signal } from "@preact/signals"

export function stored<T>(key: string, initial: T): Signal<T> {
  const value = signal(read(key, initial))
  effect(() => {
    try {
      sessionStorage.setItem(key, JSON.stringify(value.value))
    } catch {
      // Storage is full or forbidden: the page works, and forgets.
    }
  })
  return value
}

function read<T>(key: string, initial: T): T {
  try {
    const text = sessionStorage.getItem(key)
    return text === null ? initial : JSON.parse(text)
  } catch {
    return initial
  }
}
