/** Multiple choice without generating: npm run example examples/03-score-answers.ts [picture] [answer …] */

import { imagePrompt, openModel, preparePrompt, scoreAnswers } from "diffusionvl"

const [picture = "examples/pictures/panda.png", ...given] = process.argv.slice(2)
const answers = given.length > 0 ? given : ["panda", "sunflower", "rocket", "guitar"]

const model = await openModel("emoji-diffusion")
const content = imagePrompt(1, `${answers.join("/")}?`)
// Prepared once, however many answers are scored on it.
const prompt = await preparePrompt(model, [{ role: "user", content }], [picture])
const scores = await scoreAnswers(model, prompt, answers)

const ranked = answers.map((answer, i) => ({ answer, ...scores[i] })).sort((a, b) => b.logLikelihood - a.logLikelihood)
for (const { answer, logLikelihood, tokens } of ranked)
  console.log(`${logLikelihood.toFixed(2).padStart(8)}  ${answer} (${tokens} tokens)`)
