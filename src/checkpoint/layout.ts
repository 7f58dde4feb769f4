/** What a layout is: rules between the tensors on disk and the canonical ones inside the program, both ways. Plain data. */

/**
 * In a name `{i}` stands for a number and a final `*` for anything; they mean the same on both sides. The first rule that
 * fits a name counts.
 */
interface RuleBase {
  /** Only for tensors of this file (base name), which is also where they are written. */
  file?: string
  /** Names that are read, and never written. */
  readOnly?: boolean
}

/** The same elements in another order. */
export interface Reorder {
  /** What the stored tensor is viewed as first, −1 for what is left; its own shape if absent. */
  view?: readonly number[]
  /** Its axes in their new order. With a `view`, the result has the stored shape again. */
  order: readonly number[]
}

export interface RenameRule extends RuleBase {
  stored: string
  canonical: string
  reorder?: Reorder
}
/** One stored tensor is several canonical ones, side by side along `axis`. */
export interface SplitRule extends RuleBase {
  stored: string
  canonical: readonly string[]
  axis: number
  /** Shares along the axis; equal ones if absent. */
  sizes?: readonly number[]
}
/** Several stored tensors are one canonical one. */
export interface JoinRule extends RuleBase {
  stored: readonly string[]
  canonical: string
  axis: number
  sizes?: readonly number[]
}
export type Rule = RenameRule | SplitRule | JoinRule

export interface Layout {
  name: string
  rules: readonly Rule[]
  /** The layout is meant when a stored name fits this; one without is meant when no other is. */
  when?: string
  /** Stored tensors that are no weights: buffers that old programs saved. */
  ignored?: readonly string[]
  /** Names of the same weights in the modules of transformers, where these differ from those on disk: adapters have them. */
  modules?: readonly Rule[]
  /** Weight files beside model.safetensors, which the layout needs. */
  beside?: { files: readonly string[]; what: string; fix: string }
}

export const isSplit = (rule: Rule): rule is SplitRule => typeof rule.canonical !== "string"
export const isJoin = (rule: Rule): rule is JoinRule => typeof rule.stored !== "string"

/** Rules that leave names as they are. */
export const kept = (...names: string[]): RenameRule[] => names.map((name) => ({ stored: name, canonical: name }))

const compiled = new Map<string, RegExp>()

/** What stands for the placeholders of a pattern in a name, or undefined where it does not fit. */
export function matchName(pattern: string, name: string): string[] | undefined {
  let regex = compiled.get(pattern)
  if (!regex) {
    const source = pattern
      .replace(/[.+?^$()|[\]\\]/g, "\\$&")
      .replaceAll("{i}", "(\\d+)")
      .replace(/\*$/, "(.*)")
    regex = new RegExp(`^${source}$`, "s")
    compiled.set(pattern, regex)
  }
  return regex.exec(name)?.slice(1)
}

/** The name of a pattern with its placeholders filled in. */
export function fillName(pattern: string, values: readonly string[]): string {
  let next = 0
  return pattern.replace(/\{i\}|\*$/g, () => values[next++])
}

export interface Match<R extends Rule = Rule> {
  rule: R
  /** Which of several names of the rule it was. */
  index: number
  values: readonly string[]
}

/** The rule of a stored name. `file` is a base name. */
export function ruleOfStored({ rules }: Layout, name: string, file: string): Match | undefined {
  for (const rule of rules) {
    if (rule.file !== undefined && rule.file !== file) continue
    const match = firstFit(rule, [rule.stored].flat(), name)
    if (match) return match
  }
  return undefined
}

/** The rule by which a canonical name is written. */
export function ruleOfCanonical({ rules }: Layout, name: string): Match | undefined {
  for (const rule of rules) {
    if (rule.readOnly) continue
    const match = firstFit(rule, [rule.canonical].flat(), name)
    if (match) return match
  }
  return undefined
}

function firstFit(rule: Rule, patterns: readonly string[], name: string): Match | undefined {
  for (const [index, pattern] of patterns.entries()) {
    const values = matchName(pattern, name)
    if (values) return { rule, index, values }
  }
  return undefined
}
