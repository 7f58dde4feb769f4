/** A training loop of one's own, from the library's parts: npm run example examples/05-write-a-training-loop.ts [steps] */

import {
  AdamW,
  blockDiffusionObjective,
  loadModel,
  meanLoss,
  openModel,
  randomFrom,
  readTrainingRecipe,
  TrainingData,
} from "diffusionvl"
import { backward } from "diffusionvl/torch"

const steps = Number(process.argv[2] ?? 20)
const recipe = readTrainingRecipe("examples/04-recipe.yaml", ["model=emoji-diffusion"])

// The session knows tokenizer and pictures; the weights that are trained are loaded apart, in memory of their own.
const { folder, tokenizer, config, format, images } = await openModel(recipe.model)
const { model } = loadModel(folder, { trainable: true, dtype: "float32" })
const data = new TrainingData(recipe, tokenizer, config, format, images)

const parameters = [...model.parameters()].map(([name, tensor]) => ({
  name,
  tensor,
  learningRate: name.includes("vision_tower") ? 1e-5 : 5e-4,
  weightDecay: 0,
}))
const optimizer = new AdamW(parameters, { betas: [0.9, 0.98], eps: 1e-8, maxGradNorm: 1 })
const options = { blockSize: 4, maskToken: config.tokens.mask!, shift: "next", schedule: "uniform" } as const

for (let step = 0; step < steps; step++) {
  const batch = await data.batch(step, 0, step / steps)
  // All randomness is a function of seed and step: the same again on every machine.
  const loss = meanLoss(blockDiffusionObjective(model, batch, options, randomFrom(1, step)))
  backward(loss)
  const { gradNorm } = optimizer.step(1)
  console.log(`step ${step}: loss ${loss.item().toFixed(3)}, gradient norm ${gradNorm.toFixed(2)}`)
}
