/** Ask a model about a picture: npm run example examples/01-generate.ts [picture] [question] [model] */

import { generateText, imagePrompt, type Message, openModel } from "diffusionvl"

const [
  picture = "examples/pictures/panda.png",
  question = "What is this?",
  // A folder, a built-in model, or a hub id such as Qwen/Qwen2.5-VL-3B-Instruct.
  name = "emoji-diffusion",
] = process.argv.slice(2)

const model = await openModel(name)
const messages: Message[] = [{ role: "user", content: imagePrompt(1, question) }]
const { text, stats } = await generateText(model, { messages, images: [picture], maxTokens: 32 })

console.log(text)
console.log(`${stats.tokens} tokens in ${stats.forwards} forward passes, ${model.paradigm.name}`)
