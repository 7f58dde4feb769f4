/** Watch a block denoise: npm run example examples/02-stream-denoising.ts [picture] [question]. Masked tokens are shown as dots. */

import { generate, imagePrompt, type Message, openModel } from "diffusionvl"

const [picture = "examples/pictures/panda.png", question = "Describe it."] = process.argv.slice(2)

const model = await openModel("emoji-diffusion")
const messages: Message[] = [{ role: "user", content: imagePrompt(1, question) }]
const answer = generate(model, {
  messages,
  images: [picture],
  blockSize: 8,
  // Every token the model is surer of than this is unmasked at once: fewer forward passes.
  threshold: 0.9,
})

let known = ""
for await (const event of answer) {
  if (event.type === "text") known += event.text
  if (event.type === "step") console.log(known + event.cells.map((cell) => cell ?? "·").join(""))
  if (event.type === "done") console.log(`\n${event.text}\n${event.stats.forwards} forward passes`)
}
