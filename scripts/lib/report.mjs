// What set-up prints: one short line per step with its time, and a moving line while a long step runs.

const WIDTH = 16

export class Report {
  #quiet
  #stream
  #live = false
  #lastPlain = 0

  constructor({ quiet = false, stream = process.stderr } = {}) {
    this.#quiet = quiet
    this.#stream = stream
  }

  /** Begins a step; `done` prints its line. With `quiet`, steps that found nothing to do print nothing. */
  step(name) {
    const started = performance.now()
    const seconds = () => (performance.now() - started) / 1000
    this.#lastPlain = started
    return {
      /** A moving line on a terminal, a plain line every 15 seconds elsewhere. */
      progress: (text) => {
        const line = `${name.padEnd(WIDTH)} ${text} · ${duration(seconds())}`
        if (this.#stream.isTTY) {
          this.#stream.write(`\r${line.slice(0, (this.#stream.columns ?? 80) - 1)}\x1b[K`)
          this.#live = true
        } else if (performance.now() - this.#lastPlain > 15_000) {
          this.#lastPlain = performance.now()
          this.#stream.write(`${line}\n`)
        }
      },
      /** Starts a step whose work takes long enough that a person should know what is going on. */
      announce: (text) => this.#line(`${name.padEnd(WIDTH)} ${text}`),
      done: (text, { worked = true } = {}) => {
        if (worked || !this.#quiet)
          this.#line(`${name.padEnd(WIDTH)} ${text}${worked ? ` · ${duration(seconds())}` : ""}`)
      },
    }
  }

  note(text) {
    this.#line(text)
  }

  #line(text) {
    this.#stream.write(`${this.#live ? "\r\x1b[K" : ""}${text}\n`)
    this.#live = false
  }
}

/** Seconds as people read them. */
export function duration(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 90) return `${Math.round(seconds)} s`
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
}
