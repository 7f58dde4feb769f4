/** The modules of a model as transformers calls them, which is what adapters name, and the layers that they are here. */

import { EMBEDDING, HEAD } from "../checkpoint/checkpoint.js"
import type { ModelConfig } from "../checkpoint/config.js"
import {
  fillName,
  isJoin,
  isSplit,
  type Layout,
  type Rule,
  ruleOfCanonical,
  ruleOfStored,
} from "../checkpoint/layout.js"
import type { NamedModule } from "../checkpoint/module-names.js"
import type { RowRange } from "../nn/low-rank.js"
import { architectureOf } from "./registry.js"
import { RecordingWeights } from "./weight-source.js"

/** A layer here that a module there is, or is a part of, or has as a part. */
export interface ModuleLayer {
  /** As the model calls it: the name of its weight without ".weight". */
  layer: string
  /** Of the module's outputs, those of the layer. @default all */
  rows?: RowRange
  /** Output of the layer that the module's first is. @default 0 */
  firstOutput?: number
}

export interface Module extends NamedModule {
  /** Of its weight, [outputs, inputs] where it is linear. */
  shape: readonly number[]
  layers: readonly ModuleLayer[]
  /** Why no adapter can change it although it is linear. */
  obstacle?: string
}

export class Modules {
  /** Those that have a weight, by name, in the order of the model. */
  readonly byName: ReadonlyMap<string, Module>
  /** Names of all weights in transformers, by ours; several of ours may be one of theirs. */
  readonly names: ReadonlyMap<string, string>
  /** Canonical name → shape of every weight. */
  readonly expected: ReadonlyMap<string, readonly number[]>
  readonly #layouts: readonly Layout[]

  /** @param config of the model as it is published: its family's names are those of this form */
  constructor(readonly config: ModelConfig) {
    const architecture = architectureOf(config)
    const recording = new RecordingWeights()
    architecture.build(config, recording, "float32")
    this.expected = recording.shapes
    this.#layouts = architecture.layouts(config)
    const found = collect(moduleRules(this.#layouts[0]), recording)
    this.byName = found.modules
    this.names = found.names
  }

  /** The rules between our names and those of the modules. */
  get rules(): readonly Rule[] {
    return moduleRules(this.#layouts[0])
  }

  /** A module by its name in this or an earlier release of transformers, or on disk. */
  find(name: string): Module | undefined {
    const known = this.byName.get(name)
    if (known) return known
    const canonical = this.#canonicalOf(`${name}.weight`)
    const current = canonical === undefined ? undefined : this.names.get(canonical)
    return current === undefined ? undefined : this.byName.get(moduleOf(current))
  }

  /** The name of a weight now, of one by its name in any release. */
  currentName(stored: string): string | undefined {
    const canonical = this.#canonicalOf(stored)
    return canonical === undefined ? undefined : this.names.get(canonical)
  }

  /** The first of our weights that a stored one is. */
  #canonicalOf(stored: string): string | undefined {
    for (const rules of [this.rules, ...this.#layouts.map((layout) => layout.rules)]) {
      const match = ruleOfStored({ name: "", rules }, stored, "")
      if (!match) continue
      const canonical = fillName([match.rule.canonical].flat()[0], match.values)
      if (this.names.has(canonical)) return canonical
    }
    return undefined
  }
}

const moduleRules = (layout: Layout): readonly Rule[] => layout.modules ?? layout.rules

/** The module that a weight belongs to: its name without the last word. */
export const moduleOf = (weight: string): string => weight.replace(/\.[^.]+$/, "")

/** Every weight of the model by the rules. */
function collect(
  rules: readonly Rule[],
  { shapes, linearLayers }: RecordingWeights,
): { modules: Map<string, Module>; names: Map<string, string> } {
  const modules = new Map<string, Module>()
  const names = new Map<string, string>()
  const put = (name: string, more: Omit<Module, "name" | "head">, head: boolean): void => {
    const known = modules.get(name)
    const layers = [...(known?.layers ?? []), ...more.layers]
    const [rows] = more.shape
    const shape = known ? [known.shape[0] + rows, ...known.shape.slice(1)] : more.shape
    modules.set(name, { ...known, ...more, name, ...(head && { head }), shape, layers })
  }
  // A tied head has no weight of its own, and can have an adapter all the same.
  const tied = shapes.has(HEAD) ? [] : [[HEAD, shapes.get(EMBEDDING) ?? []] as const]
  for (const [canonical, shape] of [...shapes, ...tied]) {
    const match = ruleOfCanonical({ name: "", rules }, canonical)
    if (!match) continue
    const { rule, index, values } = match
    const layer = moduleOf(canonical)
    const isWeight = canonical.endsWith(".weight")
    const head = canonical === HEAD
    const linear = isWeight && linearLayers.has(layer)
    const stored = [rule.stored].flat().map((pattern) => fillName(pattern, values))
    names.set(canonical, stored[0])
    if (!isWeight) continue
    if (isSplit(rule)) {
      const rowsOf = (name: string): number => shapes.get(fillName(name, values))?.[0] ?? 0
      const start = rule.canonical.slice(0, index).reduce((sum, name) => sum + rowsOf(name), 0)
      const obstacle = rule.axis === 0 ? undefined : "it is several layers here, side by side in their inputs"
      const part = { layer, rows: { start, length: shape[0] } }
      put(moduleOf(stored[0]), { linear, shape, layers: [part], ...(obstacle && { obstacle }) }, head)
    } else if (isJoin(rule)) {
      const sizes = rule.sizes ?? stored.map(() => shape[rule.axis] / stored.length)
      const obstacle = rule.axis === 0 ? undefined : "it is a part of a layer's inputs here"
      let firstOutput = 0
      for (const [i, name] of stored.entries()) {
        const part = shape.map((size, axis) => (axis === rule.axis ? sizes[i] : size))
        const layers = [{ layer, firstOutput }]
        put(moduleOf(name), { linear, shape: part, layers, ...(obstacle && { obstacle }) }, head)
        firstOutput += sizes[i]
      }
    } else {
      const obstacle = "reorder" in rule && rule.reorder ? "its weights lie in another order here" : undefined
      put(moduleOf(stored[index]), { linear, shape, layers: [{ layer }], ...(obstacle && { obstacle }) }, head)
    }
  }
  return { modules, names }
}
