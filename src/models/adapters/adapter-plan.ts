/** What an adapter changes of a model: chosen for a training, or as an adapter's files say. Plain data. */

import { EMBEDDING, HEAD } from "../../checkpoint/checkpoint.js"
import {
  ALL_LINEAR,
  fitsEnd,
  isNamed,
  isSaved,
  type NamedModule,
  patternValue,
  targetsOf,
} from "../../checkpoint/module-names.js"
import { type LoraSettings, scaleOf } from "../../checkpoint/peft-config.js"
import { UserError } from "../../errors.js"
import { firstOf, shown } from "../../readable.js"
import { type Module, type Modules, moduleOf } from "../modules.js"

export interface LowRankPlan {
  module: Module
  rank: number
  scale: number
}

export interface AdapterPlan {
  settings: LoraSettings
  modules: Modules
  lowRank: readonly LowRankPlan[]
  /** Canonical names of the weights that are learned whole. */
  saved: readonly string[]
}

export interface AdapterPlanOptions {
  /** Of the modules that fit, which are meant. @default all */
  isWanted?: (module: Module) => boolean
  /** Canonical names of weights that are learned whole as well: their modules are added to those to be saved. */
  whole?: readonly string[]
  /** Where the settings stand, for errors. */
  where?: string
}

/**
 * The plan of new adapters. Every name in the settings has to mean something: a misspelt one would be ignored.
 * @param given settings whose target may be any; in the plan it is one that PEFT finds exactly these modules by
 * @throws UserError when no module fits a name or pattern, or one that is meant is no linear layer
 */
export function planAdapter(
  modules: Modules,
  given: LoraSettings,
  { isWanted = () => true, whole = [], where }: AdapterPlanOptions = {},
): AdapterPlan {
  const settings = withModules(withTiedHead(given, modules), whole, modules)
  const saved = [...modules.names]
    .filter(([canonical, name]) => whole.includes(canonical) || isSaved(settings, moduleOf(name)))
    .map(([name]) => name)
  const all = [...modules.byName.values()]
  const meant = targetsOf(all, settings, where)
  const targets = meant.filter(isWanted)
  if (targets.length === 0 && settings.tokens.length === 0)
    throw new UserError(`no linear layer of the model is meant by ${shownTarget(settings)}`, {
      where,
      fix: `its layers are called ${firstOf(endings(all.filter(({ linear }) => linear)), 20).join(", ")}`,
    })
  requireMeaning(settings, all, meant, where)
  const unused = settings.modulesToSave.find((ending) => !isSavedBy(ending, modules))
  if (unused !== undefined)
    throw new UserError(`the model has no module ${unused}, which is to be learned whole`, { where })
  for (const { name, linear, obstacle } of targets)
    if (!linear || obstacle)
      throw new UserError(`${name} cannot have an adapter: ${obstacle ?? "it is no linear layer"}`, {
        where,
        fix: "name the linear layers more closely, or leave this one out (exclude)",
      })
  const lowRank = targets.map((module) => lowRankOf(module, settings, where))
  const target = exactTarget(all, targets, settings, where)
  return {
    settings: { ...settings, target },
    modules,
    lowRank,
    saved: saved.filter((name) => modules.expected.has(name)),
  }
}

/**
 * What one layer's adapter is: its rank and scale, which patterns of names may set.
 * @throws UserError at `where` for a pattern that is no regular expression
 */
export function lowRankOf(module: Module, settings: LoraSettings, where?: string): LowRankPlan {
  const rank = patternValue(settings.rankPattern, module.name, settings.rank, where)
  const alpha = patternValue(settings.alphaPattern, module.name, settings.alpha, where)
  return { module, rank, scale: scaleOf(settings, rank, alpha) }
}

/** @throws UserError for a name that no module has, or a pattern that fits none with an adapter */
function requireMeaning(
  { target, exclude = [], rankPattern, alphaPattern }: LoraSettings,
  all: readonly NamedModule[],
  meant: readonly NamedModule[],
  where?: string,
): void {
  const refuse = (key: string, name: string, modules: readonly NamedModule[], whose = ""): never => {
    throw new UserError(`${key} ${shown(name)} means no module of the model${whose}`, {
      where,
      fix: `they are called ${firstOf(endings(modules), 20).join(", ")}`,
    })
  }
  for (const name of typeof target === "string" ? [] : target)
    if (!all.some((module) => isNamed([name], module.name))) refuse("target", name, all)
  for (const names of typeof exclude === "string" ? [exclude] : exclude.map((name) => [name]))
    if (!all.some((module) => isNamed(names, module.name, where))) refuse("exclude", String(names), all)
  for (const [key, patterns] of Object.entries({ rank_pattern: rankPattern, alpha_pattern: alphaPattern }))
    for (const pattern of Object.keys(patterns))
      if (!meant.some(({ name }) => fitsEnd(pattern, name, where))) refuse(key, pattern, meant, " that has an adapter")
}

/** Where the head is the embedding, one is not learned without the other; PEFT has to be told of both. */
function withTiedHead(settings: LoraSettings, { names, config }: Modules): LoraSettings {
  const both = [EMBEDDING, HEAD].map((canonical) => moduleOf(names.get(canonical) ?? canonical))
  const missing = both.filter((name) => !isSaved(settings, name))
  if (!config.text.tie || missing.length !== 1) return settings
  return { ...settings, modulesToSave: [...settings.modulesToSave, ...missing] }
}

/** A weight in no module of its own, such as a newline, is in the file alone: PEFT puts it where the model has it. */
function withModules(settings: LoraSettings, whole: readonly string[], { names, byName }: Modules): LoraSettings {
  const of = whole.map((canonical) => moduleOf(names.get(canonical) ?? canonical))
  const missing = [...new Set(of)].filter((name) => byName.has(name) && !isSaved(settings, name))
  return { ...settings, modulesToSave: [...settings.modulesToSave, ...missing] }
}

const isSavedBy = (ending: string, { names }: Modules): boolean =>
  [...names.values()].some((name) => isSaved({ modulesToSave: [ending] }, moduleOf(name)))

const shownTarget = ({ target }: LoraSettings): string => (typeof target === "string" ? target : target.join(", "))

/** Last words of names, each once: [q_proj, k_proj, …]. */
const endings = (modules: readonly NamedModule[]): string[] => [
  ...new Set(modules.map(({ name }) => name.slice(name.lastIndexOf(".") + 1))),
]

/** The shortest way to say in PEFT's words that these modules are meant: as it was said, by last words, or all names. */
function exactTarget(
  all: readonly Module[],
  targets: readonly Module[],
  settings: LoraSettings,
  where?: string,
): LoraSettings["target"] {
  const isAll = typeof settings.target === "string" && settings.target.toLowerCase() === ALL_LINEAR
  const ways = [...(isAll ? [] : [settings.target]), endings(targets)]
  // PEFT asks of every module, of those around others too: "0" also means blocks.0.
  const every = [...all, ...around(all)]
  const isExact = (target: LoraSettings["target"]): boolean => {
    const found = targetsOf(every, { ...settings, target }, where)
    return found.length === targets.length && found.every((module, i) => module === targets[i])
  }
  return ways.find(isExact) ?? targets.map(({ name }) => name)
}

/** Modules that have no weight themselves, and others inside them. */
function around(modules: readonly Module[]): NamedModule[] {
  const known = new Set(modules.map(({ name }) => name))
  const outer = modules.flatMap(({ name }) => name.split(".").map((_, i, words) => words.slice(0, i).join(".")))
  return [...new Set(outer)].filter((name) => name !== "" && !known.has(name)).map((name) => ({ name, linear: false }))
}

/** Whether some rows of the embedding are learned beside it: not where it is learned whole. */
export const learnsTokens = ({ settings, saved }: AdapterPlan): boolean =>
  settings.tokens.length > 0 && !saved.includes(EMBEDDING)
