/** The tensors of an adapter, where the model asks for them: new ones, or those of a file. */

import { type AdapterTensors, PREFIX } from "../../checkpoint/adapter-files.js"
import { EMBEDDING, HEAD } from "../../checkpoint/checkpoint.js"
import type { Rule } from "../../checkpoint/layout.js"
import type { TensorEntry } from "../../checkpoint/safetensors/safetensors.js"
import { storedEntries } from "../../checkpoint/stored-entries.js"
import { LowRank, type LowRankPart } from "../../nn/low-rank.js"
import { TokenRows } from "../../nn/token-rows.js"
import { cat, type Device, type DType, Generator, noGrad, rand, type Tensor, zeros } from "../../torch/index.js"
import { MappedFiles } from "../mapped-files.js"
import { tensorEntries } from "../save.js"
import type { WeightAdapters } from "../weight-source.js"
import { type AdapterPlan, type LowRankPlan, learnsTokens } from "./adapter-plan.js"

/** Names of a module's two matrices, as PEFT has them. */
const lowRankNames = ({ name }: { name: string }): { down: string; up: string } => ({
  down: `${name}.lora_A.weight`,
  up: `${name}.lora_B.weight`,
})
/** Name of learned rows of the embedding. */
const tokenRowsName = (embedding: string): string => `${embedding}.token_adapter.trainable_tokens_delta`

/** Where the first values of an adapter come from. */
export interface AdapterValues {
  /** A [r, K] and B [N, r]. */
  lowRank(layer: LowRankPlan): { down: Tensor; up: Tensor }
  /** Rows [tokens, H] of the embedding. */
  tokenRows(embedding: Tensor): Tensor
}

/** A parameter of an adapter. */
interface Learned {
  /** Of the first layer that it changes: says which part of the model it belongs to. */
  canonical: string
  /** As PEFT's file has it, without the prefix; absent for weights that are learned whole. */
  name?: string
  tensor: Tensor
}

export class Adapter implements WeightAdapters {
  readonly #layers = new Map<string, LowRankPart[]>()
  readonly #tokens: TokenRows | undefined
  readonly #learned: Learned[] = []

  /**
   * @param weights of the model, by canonical names: those that the plan has learned whole, and the embedding
   * @param dtype of low-rank matrices and rows: float32, whatever the model computes in
   */
  constructor(
    readonly plan: AdapterPlan,
    weights: ReadonlyMap<string, Tensor>,
    values: AdapterValues,
    { dtype, device, trainable }: { dtype: DType; device: Device; trainable: boolean },
  ) {
    const learned = (x: Tensor): Tensor => {
      const made = x.to({ dtype, device })
      return trainable ? (made === x ? made.clone() : made).requiresGrad_() : made
    }
    for (const layer of plan.lowRank) {
      const { down, up } = values.lowRank(layer)
      const adapter = new LowRank(learned(down), learned(up), layer.scale, plan.settings.dropout)
      const names = lowRankNames(layer.module)
      const [first] = layer.module.layers
      const of = first.firstOutput === undefined ? first.layer : `${first.layer}.${first.firstOutput}`
      for (const { layer: name, ...part } of layer.module.layers)
        this.#layers.set(name, [...(this.#layers.get(name) ?? []), { adapter, ...part }])
      this.#learned.push(
        { canonical: `${of}.lora_A.weight`, name: names.down, tensor: adapter.down },
        { canonical: `${of}.lora_B.weight`, name: names.up, tensor: adapter.up },
      )
    }
    if (learnsTokens(plan)) {
      const embedding = weights.get(EMBEDDING)!
      const name = tokenRowsName(plan.modules.names.get(EMBEDDING)!.replace(/\.weight$/, ""))
      const rows = learned(noGrad(() => values.tokenRows(embedding)))
      this.#tokens = new TokenRows(plan.settings.tokens, rows, embedding.shape[0])
      this.#learned.push({ canonical: EMBEDDING.replace(/weight$/, "token_rows"), name, tensor: rows })
    }
    for (const canonical of plan.saved) this.#learned.push({ canonical, tensor: weights.get(canonical)! })
  }

  lowRank(layer: string): readonly LowRankPart[] {
    return this.#layers.get(layer) ?? []
  }

  tokenRows(layer: string): TokenRows | undefined {
    return `${layer}.weight` === EMBEDDING ? this.#tokens : undefined
  }

  /** What is learned, by canonical names of the layers: of a model's part, those that begin as its weights. */
  parameters(): Map<string, Tensor> {
    return new Map(this.#learned.map(({ canonical, tensor }) => [canonical, tensor]))
  }

  /** What is learned, under PEFT's names. */
  entries(): TensorEntry[] {
    const beside = new Map(this.#learned.flatMap(({ name, tensor }) => (name ? [[name, tensor]] : [])))
    const whole = new Map(this.#learned.flatMap(({ name, canonical, tensor }) => (name ? [] : [[canonical, tensor]])))
    const shared = this.plan.modules.config.text.tie ? whole.get(EMBEDDING) : undefined
    if (shared) whole.set(HEAD, shared)
    const named = storedEntries({ name: "modules", rules: this.plan.modules.rules as Rule[] }, tensorEntries(whole))
    // The weight of a layer that has low-rank matrices too is the one inside them.
    const adapted = new Set(this.plan.lowRank.map(({ module }) => module.name))
    const placed = named.map((entry) => {
      const [, module, kind] = /^(.*)\.([^.]+)$/.exec(entry.name)!
      return adapted.has(module) ? { ...entry, name: `${module}.base_layer.${kind}` } : entry
    })
    return [...tensorEntries(beside), ...placed].map((entry) => ({ ...entry, name: PREFIX + entry.name }))
  }
}

/** As PEFT begins: A uniform within 1 / √K, B zero, so that the model is what it was; rows as they are. */
export function newValues(plan: AdapterPlan, seed: number): AdapterValues {
  const generator = new Generator(seed)
  return {
    lowRank({ module: { shape }, rank }) {
      const [outputs, inputs] = shape
      const down = rand([rank, inputs], { generator })
        .mul(2)
        .sub(1)
        .mul(1 / Math.sqrt(inputs))
      return { down, up: zeros([outputs, rank]) }
    },
    tokenRows: (embedding) => rowsOf(embedding, plan.settings.tokens),
  }
}

/** The values of an adapter's file, which `readAdapted` found complete. */
export function storedValues({ lowRank, tokenRows }: AdapterTensors): AdapterValues {
  const mapped = new MappedFiles()
  return {
    lowRank({ module }) {
      const { down, up } = lowRank.get(module.name)!
      return { down: mapped.tensor(down!), up: mapped.tensor(up!) }
    },
    tokenRows: () => mapped.tensor(tokenRows!),
  }
}

/** Rows of a matrix, in float32. */
export function rowsOf(matrix: Tensor, rows: readonly number[]): Tensor {
  return cat(rows.map((row) => matrix.narrow(0, row, 1).to("float32")))
}
