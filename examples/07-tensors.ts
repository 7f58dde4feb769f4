/** libtorch from TypeScript: a line fitted by gradient descent. npm run example examples/07-tensors.ts [steps] */

import { backward, Generator, memory, noGrad, operator, randn, tidy, zeros } from "diffusionvl/torch"

const steps = Number(process.argv[2] ?? 100)

// y = 3x − 1, with noise; the same on every run.
const generator = new Generator(1)
const x = randn([256, 1], { generator })
const y = x
  .mul(3)
  .sub(1)
  .add(randn([256, 1], { generator }).mul(0.1))

const slope = zeros([1]).requiresGrad_()
const offset = zeros([1]).requiresGrad_()

for (let step = 0; step < steps; step++) {
  // What is made inside and not returned is freed at the end.
  const loss = tidy(() => {
    const error = x.mul(slope).add(offset).sub(y)
    const loss = error.mul(error).mean()
    backward(loss)
    noGrad(() => {
      for (const weight of [slope, offset]) {
        weight.add_(weight.grad!, -0.1)
        weight.grad = null
      }
    })
    return loss.item()
  })
  if (step % 20 === 0) console.log(`step ${step}: loss ${loss.toFixed(4)}`)
}
console.log(`y = ${slope.item().toFixed(2)} x + ${offset.item().toFixed(2)}`)

// Every operator of libtorch can be called by its name in the dispatcher.
const median = operator("aten::median").call(y)
console.log(`median of y ${median.item().toFixed(2)}, ${memory().tensors} live tensors`)
