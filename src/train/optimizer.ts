/** AdamW with parameter groups, global gradient clipping, and fp32 master weights for parameters of half precision. */

import {
  type DType,
  foreachAdd_,
  foreachCopy_,
  foreachNorm,
  fusedAdamW_,
  noGrad,
  stack,
  type Tensor,
  tensor,
  tidy,
  untidied,
  vectorNorm,
  zeros,
} from "../torch/index.js"

export interface Parameter {
  /** Canonical name. */
  name: string
  tensor: Tensor
  learningRate: number
  weightDecay: number
}

export interface AdamWOptions {
  betas: readonly [number, number]
  eps: number
  /** Largest global L2 norm of the gradients; 0 turns clipping off. */
  maxGradNorm: number
}

interface Slot {
  parameter: Parameter
  /** What is stepped: the parameter itself, or its fp32 copy. */
  master: Tensor
  first: Tensor
  second: Tensor
  steps: Tensor
  /** Sum of the gradients of several backward passes, where the parameter's own type is too coarse for it. */
  sum?: Tensor
}

/** A run of a slot's elements, as flat views. */
interface Piece {
  slot: Slot
  from: number
  length: number
  weight: Tensor
  master: Tensor
  first: Tensor
  second: Tensor
}

/** Pieces of one learning rate and decay that are stepped at a time. */
type Chunk = Piece[]

/** Elements of a chunk: gradients of half precision are widened chunk by chunk, in the cache and never all at once. */
const CHUNK = 1 << 22

export class AdamW {
  readonly #slots: Slot[]
  readonly #chunks: Chunk[]

  constructor(
    parameters: readonly Parameter[],
    readonly options: AdamWOptions,
  ) {
    this.#slots = noGrad(() => parameters.map(slotOf))
    this.#chunks = noGrad(() => chunksOf(this.#slots))
  }

  /**
   * Call after each of several backward passes: moves gradients of half precision into float32 sums. Added up in
   * bfloat16, the last of 256 gradients would be lost in the rounding.
   */
  accumulate(): void {
    noGrad(() => {
      for (const slot of this.#slots) {
        const { tensor: weight } = slot.parameter
        if (slot.master.dtype === weight.dtype) continue
        const grad = weight.grad
        if (!grad) continue
        tidy(() => {
          if (slot.sum) slot.sum.add_(grad)
          else slot.sum = untidied(() => grad.to("float32"))
        })
        weight.grad = null
      }
    })
  }

  /**
   * One update from the accumulated `.grad`s, which are cleared. `factor` scales every learning rate; `count` divides the
   * gradients, which may be of sums. Returns the norm of the gradients before clipping; one that is not finite leaves all weights untouched. And the
   * norm of the updated weights, which is not finite when one of them is not.
   */
  step(factor: number, count = 1): { gradNorm: number; weightNorm: number } {
    return noGrad(() =>
      tidy(() => {
        const grads = new Map<Slot, Tensor>()
        for (const slot of this.#slots) {
          const grad = slot.sum ?? slot.parameter.tensor.grad
          if (grad) grads.set(slot, grad.reshape(-1))
        }
        if (grads.size === 0) return { gradNorm: 0, weightNorm: 0 }
        const chunks = this.#chunks
          .map((chunk) => chunk.filter(({ slot }) => grads.has(slot)))
          .filter((chunk) => chunk.length > 0)
        const norms = chunks.flat().map((piece) => tidy(() => vectorNorm(widened(piece, grads)).to("float32")))
        const gradNorm = vectorNorm(stack(norms)).item() / count
        let weightNorm = 0
        if (Number.isFinite(gradNorm)) {
          const { maxGradNorm } = this.options
          const clip = maxGradNorm > 0 && gradNorm > maxGradNorm ? (gradNorm + 1e-6) / maxGradNorm : 1
          const { device } = chunks[0][0].master
          const gradientScale = count * clip === 1 ? undefined : tensor([count * clip], []).to({ device })
          const one = tensor([1], [])
          const steps = [...grads.keys()].map((slot) => slot.steps)
          foreachAdd_(
            steps,
            steps.map(() => one),
          )
          const updated = chunks.map((chunk) => tidy(() => this.#update(chunk, grads, factor, gradientScale)))
          weightNorm = vectorNorm(stack(updated)).item()
        }
        this.zeroGrad()
        return { gradNorm, weightNorm }
      }),
    )
  }

  /** @returns the norm of the chunk's updated weights, taken while they are in the cache */
  #update(chunk: Chunk, grads: ReadonlyMap<Slot, Tensor>, factor: number, gradientScale?: Tensor): Tensor {
    const { learningRate, weightDecay } = chunk[0].slot.parameter
    const [beta1, beta2] = this.options.betas
    fusedAdamW_({
      parameters: chunk.map(({ master }) => master),
      gradients: chunk.map((piece) => widened(piece, grads)),
      firstMoments: chunk.map(({ first }) => first),
      secondMoments: chunk.map(({ second }) => second),
      steps: chunk.map(({ slot }) => slot.steps),
      learningRate: learningRate * factor,
      beta1,
      beta2,
      weightDecay,
      eps: this.options.eps,
      gradientScale,
    })
    const half = chunk.filter(({ master, weight }) => master.dtype !== weight.dtype)
    if (half.length > 0)
      foreachCopy_(
        half.map(({ weight }) => weight),
        half.map(({ master }) => master),
      )
    return vectorNorm(stack(foreachNorm(chunk.map(({ master }) => master))))
  }

  zeroGrad(): void {
    for (const slot of this.#slots) {
      slot.parameter.tensor.grad = null
      slot.sum?.dispose()
      slot.sum = undefined
    }
  }

  /** Everything a resumed run needs, by name; masters only where they differ from the weights. */
  state(): Map<string, Tensor> {
    const state = new Map<string, Tensor>()
    for (const { parameter, master, first, second, steps } of this.#slots) {
      state.set(`first.${parameter.name}`, first)
      state.set(`second.${parameter.name}`, second)
      state.set(`steps.${parameter.name}`, steps)
      if (master.dtype !== parameter.tensor.dtype) state.set(`master.${parameter.name}`, master)
    }
    return state
  }

  /** Copies a saved state in; a missing or mis-shaped entry is an error that names it. */
  restore(saved: ReadonlyMap<string, Tensor>): void {
    noGrad(() => {
      for (const [name, target] of this.state()) {
        const source = saved.get(name)
        if (!source) throw new Error(`the saved optimizer has no "${name}"`)
        if (source.shape.join() !== target.shape.join())
          throw new Error(`the saved optimizer has "${name}" as [${source.shape}], needed [${target.shape}]`)
        target.copy_(source)
      }
      for (const slot of this.#slots)
        if (slot.master.dtype !== slot.parameter.tensor.dtype) slot.parameter.tensor.copy_(slot.master)
    })
  }
}

function slotOf(parameter: Parameter): Slot {
  const { tensor: weight } = parameter
  const half = weight.dtype === "bfloat16" || weight.dtype === "float16"
  const master = half ? weight.detach().to("float32") : weight.detach()
  const like = { dtype: master.dtype as DType, device: weight.device }
  const shape = [...weight.shape]
  return {
    parameter,
    master,
    first: zeros(shape, like),
    second: zeros(shape, like),
    steps: zeros([], { device: weight.device }),
  }
}

function chunksOf(slots: readonly Slot[]): Chunk[] {
  const chunks: Chunk[] = []
  const open = new Map<string, { chunk: Chunk; free: number }>()
  for (const slot of slots) {
    const { tensor: weight, learningRate, weightDecay } = slot.parameter
    const key = `${learningRate}/${weightDecay}`
    for (let from = 0; from < weight.size; from += CHUNK) {
      const length = Math.min(CHUNK, weight.size - from)
      let current = open.get(key)
      if (!current || current.free < length) {
        current = { chunk: [], free: CHUNK }
        open.set(key, current)
        chunks.push(current.chunk)
      }
      const cut = (x: Tensor): Tensor => x.view(-1).narrow(0, from, length)
      const { master, first, second } = slot
      const views = { weight: cut(weight.detach()), master: cut(master), first: cut(first), second: cut(second) }
      current.chunk.push({ slot, from, length, ...views })
      current.free -= length
    }
  }
  return chunks
}

/** A piece of its slot's flat gradient, in the type that is stepped. */
function widened({ slot, from, length }: Piece, grads: ReadonlyMap<Slot, Tensor>): Tensor {
  return grads.get(slot)!.narrow(0, from, length).to(slot.master.dtype)
}
