/** Golden noise, losses and gradients of the authors' code, where the shared fixtures are at hand. */

import { existsSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { describe, expect, it } from "vitest"
import { readHeader } from "../../checkpoint/safetensors.js"
import { conversationOf } from "../../data/llava.js"
import { decodeImage } from "../../image/decode.js"
import { padToSquare, qwenImage } from "../../image/qwen.js"
import { loadModel } from "../../models/load.js"
import { encodeTraining } from "../../text/conversation.js"
import { layOut } from "../../text/layout.js"
import { Tokenizer } from "../../text/tokenizer.js"
import { backward, mapFile, viewBytes } from "../../torch/index.js"
import { maskedPositions, noiseLevels } from "./noise.js"
import { blockDiffusionObjective } from "./objective.js"

const shared = resolve(import.meta.dirname, "..", "..", "..", "..", "shared", "fixtures")
const json = (name: string): any => JSON.parse(readFileSync(join(shared, name), "utf8"))

describe.skipIf(!existsSync(shared))("golden training", () => {
  it("noise levels and masks", () => {
    for (const row of json("noise/noise.json").rows) {
      const t = noiseLevels(row.u.flat())
      expect([...t]).toEqual(row.t_per_block.flat().map(Math.fround))
      for (let b = 0; b < row.B; b++) {
        const labels = Int32Array.from(row.labelled[b], (c: string) => (c === "1" ? 7 : -100))
        const masked = maskedPositions(labels, t.subarray(b * row.num_blocks, (b + 1) * row.num_blocks), row.r[b], row.D)
        const bits = Array(row.L).fill("0")
        for (const i of masked) bits[i] = "1"
        expect(bits.join("")).toBe(row.masked[b])
      }
    }
  })
  it("losses and gradients", async () => {
    const { samples, cases } = json("train/cases.json")
    const file = join(shared, "train/tensors.safetensors")
    const mapped = mapFile(file)
    const { tensors } = readHeader(file)
    const numbers = (name: string): number[] => {
      const t = tensors.get(name)!
      return viewBytes(mapped, t.offset, t.dtype, t.shape).toNumbers()
    }
    const golden = cases.filter((c: any) => c.model === "tiny-dvl-qwenvl" && c.objective === "block-diffusion")
    const folder = join(shared, "models/tiny-dvl-qwenvl")
    // The trained folder has a cut tokenizer.
    const tokenizer = Tokenizer.load(join(shared, "models/tiny-qwen2_5_vl"))
    const { model, checkpoint } = loadModel(folder, { dtype: "float32", trainable: true })
    for (const want of golden) {
      const images = []
      const laidOut = []
      for (const s of want.samples) {
        const record = samples.find((sample: any) => sample.id === s) ?? samples[s]
        const paths = record.image === undefined ? [] : [record.image].flat()
        const mine = []
        for (const path of paths) mine.push(qwenImage(padToSquare(await decodeImage(join(shared, "images", path))), checkpoint.config.image))
        const encoded = encodeTraining(conversationOf(record.conversations, paths.length > 0), tokenizer, "qwen_2_5", { special: true })
        const layout = layOut(encoded, mine.map(({ grid }) => model.imageTokens(grid)), { maxLength: 8192, blocks: { size: want.D, eos: 151645 } })
        laidOut.push({ ...layout, imageIndices: mine.map((_, i) => images.length + i), where: want.key })
        images.push(...mine)
      }
      const labels = numbers(`${want.key}.spliced_labels`)
      laidOut.forEach((sample, b) => expect([...sample.labels], want.key).toEqual(labels.slice(b * want.L, b * want.L + sample.labels.length)))
      const uniforms = [...numbers(`${want.key}.u`), ...numbers(`${want.key}.r`)]
      let next = 0
      const { loss, metrics, tokenCrossEntropy } = blockDiffusionObjective(model, { samples: laidOut, images }, { blockSize: want.D, maskToken: 151671 }, () => uniforms[next++])
      expect(metrics.maskedTokens, want.key).toBe(want.n_masked)
      expect(Math.abs(loss!.item() - want.loss) / want.loss, want.key).toBeLessThan(1e-5)
      const ce = tokenCrossEntropy!.toNumbers()
      numbers(`${want.key}.token_ce`).forEach((value, i) => expect(Math.abs(ce[i] - value)).toBeLessThan(2e-4))
      backward(loss!)
      for (const [name, parameter] of model.parameters()) {
        const grad = parameter.grad?.toFloat32() ?? new Float32Array(16)
        const l2 = want.grad_l2[name]
        if (l2 !== undefined) expect(Math.abs(Math.hypot(...chunked(grad)) - l2) / (l2 || 1), `${want.key} ${name}`).toBeLessThan(5e-4)
        const first = want.grad_first16[name]
        if (first) {
          const largest = Math.max(...first.map(Math.abs))
          first.forEach((value: number, i: number) => expect(Math.abs(grad[i] - value)).toBeLessThanOrEqual(1e-3 * largest))
        }
        parameter.grad = null
      }
    }
    expect(golden.length).toBeGreaterThan(0)
  })
})

/** Norms of slices: spreading millions of arguments would overflow the stack. */
function chunked(values: Float32Array): number[] {
  const norms: number[] = []
  for (let i = 0; i < values.length; i += 4096) norms.push(Math.hypot(...values.subarray(i, i + 4096)))
  return norms
}
