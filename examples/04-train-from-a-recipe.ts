/** Train as a recipe says, resumable: npm run example examples/04-train-from-a-recipe.ts [key=value …], such as train.max_steps=100 */

import { generateText, imagePrompt, openModel, readTrainingRecipe, train } from "diffusionvl"

const recipe = readTrainingRecipe("examples/04-recipe.yaml", process.argv.slice(2))

// Ctrl-C stops before the next step, with a checkpoint: the same command goes on from it.
const stop = new AbortController()
process.once("SIGINT", () => stop.abort())

for await (const event of train(recipe, { signal: stop.signal })) {
  if (event.type === "step") console.log(`step ${event.metrics.step}: loss ${event.metrics.loss.toFixed(3)}`)
  if (event.type === "interrupted") console.log(`stopped at step ${event.step}: ${event.folder}`)
  if (event.type !== "done") continue
  const model = await openModel(event.model)
  const messages = [{ role: "user" as const, content: imagePrompt(1, "Where does it live?") }]
  const { text } = await generateText(model, { messages, images: ["examples/pictures/panda.png"], maxTokens: 16 })
  console.log(`${event.model} says: ${text}`)
}
