/** BERTScore on the scale of roberta-large: 0 for texts that have nothing to do with each other. */

import { bertScore, loadTextEncoder, ROBERTA_LARGE_BASELINE, registerMetric } from "../../src/index.js"

registerMetric("rescaled-bertscore", (folder = "roberta-large") => {
  const encoder = loadTextEncoder(folder)
  return {
    title: "BERTScore, rescaled",
    async score(answers, signal) {
      const texts = answers.map(({ answer }) => answer)
      const references = answers.map((one) => one.references)
      return (await bertScore(texts, references, { encoder, baseline: ROBERTA_LARGE_BASELINE, signal })).f1
    },
  }
})
