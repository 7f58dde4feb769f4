/** An autoregressive model as a block-diffusion one, weights unchanged, and a model saved: npm run example examples/06-convert-and-save.ts [folder] */

import { rmSync } from "node:fs"
import { join } from "node:path"
import { convert, loadModel, openModel, readCheckpoint, saveModel } from "diffusionvl"

const [out = "runs/converted"] = process.argv.slice(2)
rmSync(out, { recursive: true, force: true })

// Translating begins so: the same weights, recorded as another paradigm, with a mask token. Then they are trained (04).
const { folder } = await openModel("emoji-ar-small")
await convert(folder, join(out, "block-diffusion"), { record: { block_size: 4, shift: "next" } })

const { config, tensors } = readCheckpoint(join(out, "block-diffusion"))
console.log(`${tensors.size} tensors, ${config.paradigm.name}, mask token ${config.tokens.mask}`)

// A model in memory, as a training loop of one's own leaves it; tokenizer and settings come from another folder.
const { model } = loadModel(join(out, "block-diffusion"), { dtype: "bfloat16", trainable: true })
const files = await saveModel(join(out, "bfloat16"), { config, parameters: model.parameters(), filesFrom: folder })
console.log(`saved ${[...files.keys()].join(", ")}`)
