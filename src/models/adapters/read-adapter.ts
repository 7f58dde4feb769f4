/** A LoRA adapter's folder and the model it belongs to → the weights, what is learned beside them, and what the whole is. Loads no weights. */

import { existsSync } from "node:fs"
import path from "node:path"
import { type AdapterTensors, isAdapter, openAdapterTensors } from "../../checkpoint/adapter-files.js"
import { differingWeight } from "../../checkpoint/base-fingerprint.js"
import { EMBEDDING, HEAD, shares } from "../../checkpoint/checkpoint.js"
import { type ModelConfig, withVocabulary } from "../../checkpoint/config.js"
import { fillName, isSplit, ruleOfStored } from "../../checkpoint/layout.js"
import { targetsOf } from "../../checkpoint/module-names.js"
import { type LoraSettings, readAdapterConfig } from "../../checkpoint/peft-config.js"
import { bytesOf, type TensorView } from "../../checkpoint/tensor-view.js"
import { UserError } from "../../errors.js"
import { firstOf, label } from "../../readable.js"
import { type Checkpoint, type DequantisedType, readCheckpoint } from "../checkpoint.js"
import { Modules } from "../modules.js"
import { readConfigBeside } from "../read-config.js"
import { expectedTensors } from "../registry.js"
import type { AdapterPlan, LowRankPlan } from "./adapter-plan.js"
import { lowRankOf } from "./adapter-plan.js"

export interface AdaptedCheckpoint {
  /** The base's weights with those that the adapter has whole in their place, and the configuration of the adapted model. */
  checkpoint: Checkpoint
  base: Checkpoint
  plan: AdapterPlan
  /** Low-rank matrices by the names that the modules have now. */
  tensors: AdapterTensors
}

/**
 * @param folder of the adapter
 * @param baseFolder folder or GGUF file of the model that it was trained on
 * @throws UserError for an adapter that is not LoRA, or is one for another model, naming what does not fit
 */
export function readAdapted(folder: string, baseFolder: string, dequantised?: DequantisedType): AdaptedCheckpoint {
  const settings = readAdapterConfig(folder)
  const tensors = openAdapterTensors(folder)
  if (isAdapter(baseFolder))
    throw new UserError("the model that the adapter is for is an adapter itself", {
      where: baseFolder,
      fix: "merge that one first: diffusionvl convert --merge",
    })
  const base = readCheckpoint(baseFolder, dequantised)
  const other = (what: string): UserError =>
    new UserError(`the adapter is for another model than ${baseFolder}: ${what}`, {
      where: folder,
      fix: "give the model that it was trained on (--base)",
    })
  const published = new Modules(base.config)
  const whole = wholeWeights(tensors, published, base, other)
  const config = targetConfig(folder, base, whole, settings, other)
  const tied = config.text.tie
  if (!tied && base.config.text.tie && !whole.has(HEAD)) whole.set(HEAD, base.tensors.get(EMBEDDING)!)
  if (tied) whole.delete(HEAD)
  const modules =
    tied === base.config.text.tie
      ? published
      : new Modules({ ...base.config, text: { ...base.config.text, tie: tied } })
  const pairs = pairsByModule(tensors, modules, other)
  const lowRank = lowRankPlans(pairs, modules, settings, folder, other)
  requireTokenRows(tensors, settings, config, other)
  const differing = differingWeight(tensors.metadata, base.tensors)
  if (differing !== undefined) throw other(`its weights are others, for example ${differing}`)
  const expected = new Map([...modules.expected].map(([name, shape]) => [name, grownShape(name, shape, config)]))
  requireSameWeights(expected, base, config, other)
  for (const [name, view] of whole) requireShape(name, view.shape, expected.get(name) ?? [], other)
  const all = [...expected.keys()].map((name): [string, TensorView] => [
    name,
    whole.get(name) ?? base.tensors.get(name)!,
  ])
  return {
    checkpoint: { ...base, folder, config, tensors: new Map(all) },
    base,
    plan: { settings, modules, lowRank, saved: [...expected.keys()].filter((name) => whole.has(name)) },
    tensors: { ...tensors, lowRank: pairs },
  }
}

type Other = (what: string) => UserError

/** Weights that the adapter has whole, by our names. */
function wholeWeights(
  { whole }: AdapterTensors,
  modules: Modules,
  base: Checkpoint,
  other: Other,
): Map<string, TensorView> {
  const found = new Map<string, TensorView>()
  const unknown: string[] = []
  for (const [name, tensor] of whole) {
    const current = modules.currentName(name)
    const match = current === undefined ? undefined : ruleOfStored({ name: "", rules: modules.rules }, current, "")
    if (!match || Array.isArray(match.rule.stored)) {
      unknown.push(name)
      continue
    }
    const { rule, values } = match
    if (!isSplit(rule)) found.set(fillName(rule.canonical, values), tensor)
    else
      for (const [i, view] of shares(rule, tensor, rule.canonical.length, name, base.folder).entries())
        found.set(fillName(rule.canonical[i], values), view)
  }
  if (unknown.length > 0) throw other(`it has no weights ${firstOf(unknown.map(label), 3).join(", ")}`)
  return found
}

function targetConfig(
  folder: string,
  base: Checkpoint,
  whole: ReadonlyMap<string, TensorView>,
  { keepsTie }: LoraSettings,
  other: Other,
): ModelConfig {
  const named = existsSync(path.join(folder, "config.json")) ? readConfigBeside(folder, base.folder) : base.config
  if (named.family !== base.config.family)
    throw other(`its config.json is one of ${named.family}, the model is one of ${base.config.family}`)
  const embedding = whole.get(EMBEDDING)
  const head = whole.get(HEAD)
  const rows = (embedding ?? head)?.shape[0] ?? 0
  const config = rows > named.text.vocabSize ? withVocabulary(named, rows) : named
  if (!config.text.tie || (!embedding && !head)) return config
  // PEFT learns copies: what one of two tied matrices became, the other has not become.
  const stays = keepsTie || (embedding && head && Buffer.compare(bytesOf(embedding), bytesOf(head)) === 0)
  return stays
    ? config
    : { ...config, text: { ...config.text, tie: false }, raw: { ...config.raw, tie_word_embeddings: false } }
}

/** The adapter's config.json describes the base, but for new rows of embedding and head. */
function requireSameWeights(
  expected: ReadonlyMap<string, readonly number[]>,
  base: Checkpoint,
  config: ModelConfig,
  other: Other,
): void {
  const named = expectedTensors(config)
  const differs = [...new Set([...named.keys(), ...expected.keys()])].find(
    (name) => named.get(name)?.join() !== expected.get(name)?.join(),
  )
  if (differs !== undefined) throw other(`its config.json and the model differ in ${differs}`)
  if (config.text.vocabSize < base.config.text.vocabSize)
    throw other(`it has ${config.text.vocabSize} tokens, the model ${base.config.text.vocabSize}`)
}

const grownShape = (name: string, shape: readonly number[], { text }: ModelConfig): readonly number[] =>
  name === EMBEDDING || name === HEAD ? [text.vocabSize, shape[1]] : shape

function requireShape(name: string, found: readonly number[], needed: readonly number[], other: Other): void {
  if (found.join() !== needed.join())
    throw other(`${label(name)} is [${found.join(", ")}], the model needs [${needed.join(", ")}]`)
}

type Pairs = AdapterTensors["lowRank"]

function pairsByModule({ lowRank }: AdapterTensors, modules: Modules, other: Other): Pairs {
  const pairs: Pairs = new Map()
  const unknown: string[] = []
  for (const [name, pair] of lowRank) {
    const module = modules.find(name)
    if (module) pairs.set(module.name, pair)
    else unknown.push(name)
  }
  if (unknown.length > 0) throw other(`it has no layers ${firstOf(unknown.map(label), 3).join(", ")}`)
  return pairs
}

/** The adapter's layers in the order of the model, all of them of the right shapes and complete. */
function lowRankPlans(
  pairs: Pairs,
  modules: Modules,
  settings: LoraSettings,
  folder: string,
  other: Other,
): LowRankPlan[] {
  const found = [...modules.byName.values()].filter(({ name }) => pairs.has(name))
  for (const { name, linear, obstacle } of found)
    if (!linear || obstacle)
      throw new UserError(`an adapter of ${name} is not supported: ${obstacle ?? "it is no linear layer"}`, {
        where: folder,
      })
  if (!settings.someLayers) {
    const wanted = targetsOf(
      [...modules.byName.values()].filter(({ linear }) => linear),
      settings,
      folder,
    )
    const missing = wanted.filter(({ name }) => !pairs.has(name)).map(({ name }) => name)
    if (missing.length > 0)
      throw other(`the model has ${firstOf(missing, 3).join(", ")}, which the adapter should have matrices for`)
  }
  return found.map((module) => {
    const layer = lowRankOf(module, settings, folder)
    const { down, up } = pairs.get(module.name)!
    const [outputs, inputs] = module.shape
    requireMatrix(`${module.name}.lora_A.weight`, down, [layer.rank, inputs], folder, other)
    requireMatrix(`${module.name}.lora_B.weight`, up, [outputs, layer.rank], folder, other)
    return layer
  })
}

function requireMatrix(
  name: string,
  view: TensorView | undefined,
  needed: readonly number[],
  folder: string,
  other: Other,
): void {
  if (!view) throw new UserError(`the adapter has no ${name}`, { where: folder, fix: "copy or download it again" })
  requireShape(name, view.shape, needed, other)
}

function requireTokenRows(
  { tokenRows }: AdapterTensors,
  { tokens }: LoraSettings,
  config: ModelConfig,
  other: Other,
): void {
  const { vocabSize, hiddenSize } = config.text
  if (tokens.length === 0 && !tokenRows) return
  const beyond = tokens.find((id) => id >= vocabSize)
  if (beyond !== undefined) throw other(`it learned a token ${beyond}, the model has ${vocabSize}`)
  requireShape("trainable_tokens_delta", tokenRows?.shape ?? [], [tokens.length, hiddenSize], other)
}
