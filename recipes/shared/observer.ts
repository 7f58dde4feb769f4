/** Shows the run on the terminal: one moving line per part, with the time left. */

import { Progress } from "../../src/cli/ui/progress.js"

/** What is shown while it runs. */
export interface Observer {
  /** @param left seconds to the end of everything, where it is known */
  progress(part: string, done: number, total: number, detail: string, left?: number): void
  note(line: string): void
}

export function consoleObserver(): { observer: Observer; end(): void } {
  let progress: Progress | undefined
  let part = ""
  const end = (): void => {
    progress?.finish()
    progress = undefined
    part = ""
  }
  return {
    end,
    observer: {
      progress(name, done, total, detail, left) {
        if (name !== part) {
          end()
          progress = new Progress(name)
          part = name
        }
        progress?.update(done, total, left === undefined ? detail : `${detail}${detail ? " · " : ""}whole run`, left)
      },
      note(line) {
        end()
        process.stderr.write(`${line}\n`)
      },
    },
  }
}
