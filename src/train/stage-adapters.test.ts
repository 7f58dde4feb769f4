/** Adapters of the last stage: what of a new connector learns with them, and what is made of them. */

import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { imagePath } from "../../test/support/images.js"
import { digestsOf } from "../../test/support/run-training.js"
import { connectorStage, modelOf, runStages, SmallStages, wholeStage } from "../../test/support/small-stages.js"
import { readHeader } from "../checkpoint/safetensors/safetensors.js"
import { bytesOf } from "../checkpoint/tensor-view.js"
import { generateText } from "../generate/generate.js"
import { loadSession } from "../generate/session.js"
import { merge } from "../paradigms/merge.js"
import { imagePrompt } from "../text/conversation.js"

const parts = SmallStages.forTests()

it("merges what the last stage learned beside the parts into a whole model", async () => {
  const lora = { rank: 2, target: ["q_proj"] }
  const tried = parts.plan({ paradigm: "autoregressive", stages: [connectorStage, { ...wholeStage, lora }] })
  await runStages(tried)
  const whole = join(parts.folder, "merged")
  await merge(modelOf(tried, 2), whole)
  const [now, before] = [digestsOf(whole), digestsOf(parts.text.folder)]
  const changed = [...before].filter(([name, digest]) => now.get(`language_model.${name}`) !== digest)
  expect(changed.map(([name]) => name.replace(/\d+/, "N"))).toContain("model.layers.N.self_attn.q_proj.weight")
  expect(changed.length).toBeLessThan(before.size / 2)
  expect(existsSync(join(whole, "parts.json"))).toBe(false)
})

describe("adapters beside a new connector", () => {
  const lora = { rank: 2, target: ["q_proj"] }
  const bytesIn = (...path: string[]): Map<string, string> =>
    new Map([...readHeader(join(...path)).tensors].map(([name, view]) => [name, bytesOf(view).join()]))
  const linears = [1, 2].flatMap((i) =>
    ["bias", "weight"].map((kind) => `model.multi_modal_projector.linear_${i}.${kind}`),
  )

  it.each([
    ["in a training of its own", { stages: undefined, lora }, linears],
    ["with tiles", { stages: undefined, lora, vision: "tiles" }, ["model.image_newline", ...linears]],
    [
      "tiles alone are new",
      { stages: [connectorStage, { ...wholeStage, vision: { anyres: 2 }, lora }] },
      ["model.image_newline"],
    ],
  ])("learn it whole: %s", async (_, keys, want) => {
    const anyres = "vision" in keys ? { vision: { tower: parts.towers.siglip, anyres: 2 } } : {}
    const tried = parts.plan({
      paradigm: "autoregressive",
      ...keys,
      ...anyres,
      train: { learning_rate: 0.005, max_steps: 2, dtype: "float32", micro_batch_size: 2 },
    })
    await runStages(tried)
    const { output } = tried.stages.at(-1)!.config
    const made = new Set(bytesIn(output, "start", "connector.safetensors").values())
    const learned = bytesIn(output, "model", "adapter_model.safetensors")
    const names = [...learned.keys()].filter((name) => !name.includes("lora_"))
    expect(names.map((name) => name.replace(/^base_model\.model\./, "")).sort()).toEqual(want)
    expect(names.filter((name) => made.has(learned.get(name)!))).toEqual([])
    const session = loadSession(join(output, "model"), { dtype: "float32" })
    const images = [readFileSync(imagePath("rgb.png"))]
    const messages = [{ role: "user" as const, content: imagePrompt(1, "What colour is this?") }]
    expect(typeof (await generateText(session, { messages, images, maxTokens: 4 })).text).toBe("string")
  })
})
