/** AdamW with parameter groups, global gradient clipping, and fp32 master weights for parameters of half precision. */

import {
  type DType,
  foreachAdd_,
  foreachCopy_,
  foreachMul_,
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

const GROUP_KEYS = (p: Parameter): string => `${p.learningRate}/${p.weightDecay}`

export class AdamW {
  readonly #slots: Slot[]
  readonly #groups: Slot[][]

  constructor(
    parameters: readonly Parameter[],
    readonly options: AdamWOptions,
  ) {
    this.#slots = noGrad(() =>
      parameters.map((parameter) => {
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
      }),
    )
    const groups = new Map<string, Slot[]>()
    for (const slot of this.#slots) {
      const key = GROUP_KEYS(slot.parameter)
      groups.set(key, [...(groups.get(key) ?? []), slot])
    }
    this.#groups = [...groups.values()]
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
   * One update from the accumulated `.grad`s, which are cleared. `factor` scales every learning rate.
   * Returns the norm of the gradients before clipping; a norm that is not finite leaves all weights untouched.
   */
  step(factor: number): { gradNorm: number } {
    return noGrad(() =>
      tidy(() => {
        const grads = new Map<Slot, Tensor>()
        for (const slot of this.#slots) {
          const grad = slot.sum ?? slot.parameter.tensor.grad
          if (grad)
            grads.set(
              slot,
              slot.master === grad || grad.dtype === slot.master.dtype ? grad : grad.to(slot.master.dtype),
            )
        }
        const all = [...grads.values()]
        if (all.length === 0) return { gradNorm: 0 }
        const norm = vectorNorm(stack(foreachNorm(all).map((n) => n.to("float32"))))
        const gradNorm = norm.item()
        if (Number.isFinite(gradNorm)) {
          const { maxGradNorm } = this.options
          if (maxGradNorm > 0 && gradNorm > maxGradNorm) foreachMul_(all, tensor([maxGradNorm / (gradNorm + 1e-6)], []))
          for (const group of this.#groups)
            this.#update(
              group.filter((slot) => grads.has(slot)),
              grads,
              factor,
            )
        }
        this.zeroGrad()
        return { gradNorm }
      }),
    )
  }

  #update(group: Slot[], grads: Map<Slot, Tensor>, factor: number): void {
    if (group.length === 0) return
    const one = tensor([1], [])
    foreachAdd_(
      group.map((slot) => slot.steps),
      group.map(() => one),
    )
    const { learningRate, weightDecay } = group[0].parameter
    const [beta1, beta2] = this.options.betas
    fusedAdamW_({
      parameters: group.map((slot) => slot.master),
      gradients: group.map((slot) => grads.get(slot)!),
      firstMoments: group.map((slot) => slot.first),
      secondMoments: group.map((slot) => slot.second),
      steps: group.map((slot) => slot.steps),
      learningRate: learningRate * factor,
      beta1,
      beta2,
      weightDecay,
      eps: this.options.eps,
    })
    const half = group.filter((slot) => slot.master.dtype !== slot.parameter.tensor.dtype)
    if (half.length > 0)
      foreachCopy_(
        half.map((slot) => slot.parameter.tensor),
        half.map((slot) => slot.master),
      )
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
