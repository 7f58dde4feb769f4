/** What decides how an answer is decoded, and where each setting came from: plain data for `--json` and `--debug`. */

import { shown } from "../readable.js"

/** Of the sampling, when nobody says. */
export const DEFAULT_SEED = 0

/** "option", the name of a file of the model, or "default". */
export type Origin = string

export interface AppliedSetting {
  value: unknown
  from: Origin
}

export interface SettingLeftOut {
  /** As its origin calls it. */
  key: string
  value: string
  from: Origin
  why: string
  /** transformers would apply it, so its answer may be another. */
  differs?: boolean
}

export class DecodingReport {
  readonly applied: Record<string, AppliedSetting> = {}
  readonly notApplied: SettingLeftOut[] = []
  /** Sentences that whoever reads the answer should know. */
  readonly warnings: string[] = []

  /**
   * The first of the candidates that is there.
   * @param neutral a value that changes nothing, and is not worth a mention unless it was asked for
   */
  choose<T>(name: string, candidates: readonly (readonly [from: Origin, value: T | undefined])[], neutral?: T): T {
    for (const [from, value] of candidates) {
      if (value === undefined) continue
      if (value !== neutral || from === "option") this.applied[name] = { value, from }
      return value
    }
    return neutral as T
  }

  /** Where tokens are drawn: the seed they are drawn with. */
  chooseSeed(asked: number | undefined): number {
    return this.choose("seed", [
      ["option", asked],
      ["default", DEFAULT_SEED],
    ])
  }

  leaveOut(key: string, value: unknown, from: Origin, why: string, differs = false): void {
    const text = typeof value === "object" ? JSON.stringify(value) : shown(value)
    const cut = text.length > 60 ? `${text.slice(0, 57)}…` : text
    this.notApplied.push({ key, value: cut, from, why, ...(differs && { differs }) })
  }

  /** Lines for people. */
  lines(): string[] {
    const value = ({ value }: AppliedSetting): string => {
      const text = JSON.stringify(value)
      return text.length > 60 ? `${text.slice(0, 57)}…` : text
    }
    return [
      ...Object.entries(this.applied).map(([name, setting]) => `${name} ${value(setting)} (${setting.from})`),
      ...this.warnings.map((sentence) => `warning: ${sentence}`),
      ...this.notApplied.map(({ key, value, from, why }) => `not applied: ${key} ${value} (${from}): ${why}`),
    ]
  }
}
