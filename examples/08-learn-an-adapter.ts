/** LoRA in a loop of one's own: npm run example examples/08-learn-an-adapter.ts [steps] [folder] */

import {
  AdamW,
  blockDiffusionObjective,
  loadModel,
  Modules,
  meanLoss,
  newValues,
  openModel,
  planAdapter,
  randomFrom,
  readCheckpoint,
  readTrainingRecipe,
  saveAdapter,
  TrainingData,
  withDropout,
} from "diffusionvl"
import { backward } from "diffusionvl/torch"

const steps = Number(process.argv[2] ?? 20)
const out = process.argv[3] ?? "runs/adapter"
const recipe = readTrainingRecipe("examples/04-recipe.yaml", ["model=emoji-diffusion"])
const { folder, tokenizer, config, format, images } = await openModel(recipe.model)
const data = new TrainingData(recipe, tokenizer, config, format, images)

// Which layers get two small matrices beside them, by the names that they have in transformers. The weights stay as they are.
const plan = planAdapter(new Modules(config), {
  rank: 4,
  alpha: 8,
  dropout: 0.05,
  rsLora: false,
  target: ["q_proj", "v_proj"],
  rankPattern: {},
  alphaPattern: {},
  modulesToSave: [],
  tokens: [],
})
const beside = { plan, values: newValues(plan, 1) }
const { model, adapter } = loadModel(folder, { trainable: true, dtype: "float32", adapter: beside })

const rates = { learningRate: 5e-3, weightDecay: 0 }
const parameters = [...adapter!.parameters()].map(([name, tensor]) => ({ name, tensor, ...rates }))
const optimizer = new AdamW(parameters, { betas: [0.9, 0.98], eps: 1e-8, maxGradNorm: 1 })
const options = { blockSize: 4, maskToken: config.tokens.mask!, shift: "next", schedule: "uniform" } as const

for (let step = 0; step < steps; step++) {
  const batch = await data.batch(step, 0, step / steps)
  // Forward and backward: what is computed a second time is dropped a second time.
  const loss = withDropout(step, () => {
    const mean = meanLoss(blockDiffusionObjective(model, batch, options, randomFrom(1, step)))
    backward(mean)
    return mean.item()
  })
  optimizer.step(1)
  console.log(`step ${step}: loss ${loss.toFixed(3)}`)
}
await saveAdapter(out, adapter!, { config, base: readCheckpoint(folder).tensors, baseName: { name: recipe.model } })
console.log(`npx diffusionvl generate --model ${out} --image examples/pictures/panda.png "Name it."`)
