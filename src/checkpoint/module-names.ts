/** Which modules a LoRA is for, by their names: PEFT's rules. Knows no model. */

import { UserError } from "../errors.js"
import { shown } from "../readable.js"
import { OutOfTime, withTimeLimit } from "../text/time-limit.js"
import { mayBacktrack } from "../text/tokenizer/backtracking.js"
import type { LoraSettings, ModuleNames } from "./peft-config.js"

export const ALL_LINEAR = "all-linear"

/** What an expression has around it where it must fit all of a name, or what follows a dot. */
const WHOLE = ["^(?:", ")$"] as const
const END = ["^(?:.*\\.)?(?:", ")$"] as const

/** Whether a list has an ending of the name, whole words between dots; or an expression fits all of it. */
export function isNamed(names: ModuleNames, name: string, where?: string): boolean {
  if (typeof names === "string") return fits(names, WHOLE, name, where)
  return names.some((ending) => name === ending || name.endsWith(`.${ending}`))
}

/** Whether a module, or one around it, is learned whole. PEFT compares ends of names as they are, not whole words. */
export function isSaved({ modulesToSave }: Pick<LoraSettings, "modulesToSave">, name: string): boolean {
  const words = name.split(".")
  return words.some((_, i) => {
    const around = words.slice(0, i + 1).join(".")
    return modulesToSave.some((ending) => around.endsWith(ending))
  })
}

export interface NamedModule {
  name: string
  /** A linear layer, which an adapter can change. */
  linear: boolean
  head?: boolean
}

/** The modules that an adapter of these settings changes, linear or not. */
export function targetsOf<M extends NamedModule>(
  modules: Iterable<M>,
  { target, exclude, modulesToSave }: Pick<LoraSettings, "target" | "exclude" | "modulesToSave">,
  where?: string,
): M[] {
  const isAll = typeof target === "string" && target.toLowerCase() === ALL_LINEAR
  return [...modules].filter((module) => {
    const { name, linear, head = false } = module
    if (exclude !== undefined && isNamed(exclude, name, where)) return false
    // A module cannot be learned whole and by an adapter.
    if (modulesToSave.length > 0 && isSaved({ modulesToSave }, name)) return false
    return isAll ? linear && !head : isNamed(target, name, where)
  })
}

/** The value of the first pattern that fits an end of the name, else the one of all modules. */
export function patternValue(
  patterns: Readonly<Record<string, number>>,
  name: string,
  usual: number,
  where?: string,
): number {
  const found = Object.entries(patterns).find(([pattern]) => fitsEnd(pattern, name, where))
  return found?.[1] ?? usual
}

/** Whether a pattern of ranks or alphas is for the module. */
export const fitsEnd = (pattern: string, name: string, where?: string): boolean => fits(pattern, END, name, where)

interface Expression {
  regex: RegExp
  slow: boolean
}
const compiled = new Map<string, Expression>()
/** Far more than names need; an adapter of a stranger may have a pattern that would never end. */
const LIMIT = 1000

/** Whether one of Python's expressions, between two of ours, fits a name. */
function fits(pattern: string, [before, after]: readonly [string, string], name: string, where?: string): boolean {
  const key = before + pattern
  const { regex, slow } = compiled.get(key) ?? compile(pattern, before, after, where)
  compiled.set(key, { regex, slow })
  if (!slow) return regex.test(name)
  try {
    return withTimeLimit(LIMIT, () => regex.test(name))
  } catch (cause) {
    if (!(cause instanceof OutOfTime)) throw cause
    throw new UserError(`the pattern ${shown(pattern)} takes for ever on the name ${shown(name)}`, {
      where,
      fix: "write it without repetitions inside repetitions",
      cause,
    })
  }
}

function compile(pattern: string, before: string, after: string, where?: string): Expression {
  const translated = pattern.replaceAll("(?P<", "(?<").replaceAll("\\Z", "$").replaceAll("\\A", "^")
  try {
    return { regex: new RegExp(before + translated + after), slow: mayBacktrack(translated) }
  } catch (cause) {
    throw new UserError(`${shown(pattern)} is no regular expression (${(cause as Error).message})`, {
      where,
      fix: "use a list of names, or an expression that Python's re.fullmatch takes",
      cause,
    })
  }
}
