/** How long OpenMP's threads spin before they sleep. LLVM's library reads that once, when it is loaded. */

/**
 * LLVM's library, 200 ms by default. GNU's keeps its default, 14 ms, while this program has the processors to itself; beside
 * others native/crowd.cc makes it 5 µs.
 */
const BLOCK_MILLISECONDS = 1

/** What may already say how long threads spin. */
const CHOICES = ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME"] as const

type Environment = Record<string, string | undefined>

/** Whether the user has said how long threads spin. */
export function spinChosen(environment: Environment = process.env): boolean {
  return CHOICES.some((name) => environment[name])
}

/** The variables to set while OpenMP's library is loaded: none where the user has set one. */
export function spinSettings(environment: Environment = process.env): Record<string, string> {
  return spinChosen(environment) ? {} : { KMP_BLOCKTIME: String(BLOCK_MILLISECONDS) }
}

/** The policy in words, for a person. */
export function describeSpin(environment: Environment = process.env): string {
  const chosen = CHOICES.filter((name) => environment[name]).map((name) => `${name}=${environment[name]}`)
  if (chosen.length > 0) return `waiting threads do as ${chosen.join(" ")} says`
  return process.platform === "linux"
    ? "waiting threads spin long, beside other programs shortly"
    : `waiting threads spin ${BLOCK_MILLISECONDS} ms before they sleep`
}

/**
 * Runs `load`, which must load OpenMP's library and call it once, under the policy. The environment is as before
 * afterwards: child processes inherit nothing. A worker thread has an environment of its own, which LLVM's library does
 * not see: load the engine in the main thread first, or start the worker with `env: SHARE_ENV`.
 */
export function withSpinPolicy<T>(load: () => T): T {
  const settings = spinSettings()
  // An empty variable counts as not set, and is put back.
  const before = Object.keys(settings).map((name) => [name, process.env[name]] as const)
  Object.assign(process.env, settings)
  try {
    return load()
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
}
