// Things to undo when set-up ends early: child processes, locks, half-made folders.

const actions = new Set()
let watching = false

/** Runs `action` (synchronous) when the process ends, however it ends short of kill -9. Returns a function that forgets it. */
export function onExit(action) {
  if (!watching) watch()
  actions.add(action)
  return () => actions.delete(action)
}

function watch() {
  watching = true
  process.on("exit", () => {
    for (const action of [...actions].reverse()) {
      try {
        action()
      } catch {
        // Nothing can be done about it now; the next set-up clears what is left.
      }
    }
  })
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ]) {
    process.once(signal, () => {
      process.stderr.write("\nset-up interrupted; run it again to go on\n")
      process.exit(code)
    })
  }
}
