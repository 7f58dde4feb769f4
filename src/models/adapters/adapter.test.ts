/** Adapters by PEFT on tiny models (test/fixtures/lora/make.py), and what is refused. */

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { failureOf } from "../../../test/support/failure.js"
import { featuresOf, logitsOf, loraFixtures, writeOwnAdapter } from "../../../test/support/lora-fixtures.js"
import { readHeader, readTensor } from "../../checkpoint/safetensors/safetensors.js"
import { merge } from "../../paradigms/merge.js"
import { setThreads } from "../../torch/index.js"
import { readCheckpoint } from "../checkpoint.js"
import { type LoadedModel, loadModel } from "../load.js"
import { Modules } from "../modules.js"
import { readConfig } from "../read-config.js"
import { saveAdapter } from "./save-adapter.js"

const at = (name: string): string => join(loraFixtures, name)
const logits = (loaded: LoadedModel): number[][] => logitsOf(loaded, ids)
const { ids, adapters, linear } = JSON.parse(readFileSync(at("expected.json"), "utf8")) as {
  ids: number[]
  adapters: Record<string, { logits: number[][]; features?: number[][] }>
  linear: Record<string, string[]>
}
const root = mkdtempSync(join(tmpdir(), "adapters-"))
beforeAll(() => setThreads(1))
afterAll(() => rmSync(root, { recursive: true }))

function expectClose(found: number[][], wanted: number[][], most: number): void {
  const flat = wanted.flat()
  const worst = Math.max(...found.flat().map((value, i) => Math.abs(value - flat[i])))
  expect(found.flat()).toHaveLength(flat.length)
  expect(worst).toBeLessThan(most)
}
const ends = (rows: number[][]): number[][] => [rows[2], rows[rows.length - 1]]

describe.each(Object.keys(adapters))("PEFT's adapter %s", (name) => {
  it("gives the logits that transformers gives with PEFT", () => {
    const loaded = loadModel(at(name), { dtype: "float32", device: "cpu" })
    expectClose(ends(logits(loaded)), adapters[name].logits, 2e-4)
    if (adapters[name].features) expectClose(featuresOf(loaded), adapters[name].features, 2e-4)
  })

  it("is written again with the same tensors", async () => {
    const loaded = loadModel(at(name), { dtype: "float32", device: "cpu" })
    const { base } = JSON.parse(readFileSync(join(at(name), "adapter_config.json"), "utf8"))
    const folder = join(root, name)
    const options = { config: loaded.checkpoint.config, base: loaded.checkpoint.tensors, baseName: { name: base } }
    await saveAdapter(folder, loaded.adapter!, options)
    const tensorsIn = (from: string): Map<string, Buffer> =>
      new Map(
        [...readHeader(join(from, "adapter_model.safetensors")).tensors].map(([key, location]) => [
          key,
          Buffer.from(readTensor(location)),
        ]),
      )
    const [written, original] = [tensorsIn(folder), tensorsIn(at(name))]
    // The head of a model that is tied no more.
    if (name === "untied-by-saving") written.delete("base_model.model.lm_head.weight")
    expect([...written.keys()].sort()).toEqual([...original.keys()].sort())
    for (const [key, bytes] of original) expect(written.get(key)!.equals(bytes), key).toBe(true)
  })

  it("is one model with its base when it is merged", async () => {
    // In float32, so that the sums are not rounded.
    const base = join(root, `${name}-base`)
    const whole = join(root, `${name}-merged`)
    const { base: named } = baseOf(name)
    cpSync(at(named), base, { recursive: true })
    await merge(at(name), whole, { base })
    const merged = loadModel(whole, { dtype: "float32", device: "cpu" })
    const adapted = loadModel(at(name), { dtype: "float32", device: "cpu" })
    // Its weights are bfloat16, as those of the base.
    const scale = Math.max(...logits(adapted).flat().map(Math.abs))
    expectClose(logits(merged), logits(adapted), 0.05 * scale)
    expect(merged.checkpoint.config.text).toEqual(adapted.checkpoint.config.text)
  })
})

describe("an adapter that is written here gives in PEFT what it gives here", () => {
  const written: Record<string, { names: string[]; logits: number[][]; features?: number[][] }> = JSON.parse(
    readFileSync(at("written.json"), "utf8"),
  )

  it.each(Object.keys(written))("%s", async (base) => {
    const { names, logits: wanted, features } = written[base]
    const folder = join(root, `own-${base}`)
    const learned = await writeOwnAdapter(base, folder)
    expect([...readHeader(join(folder, "adapter_model.safetensors")).tensors.keys()].sort()).toEqual(names)
    for (const loaded of [learned, loadModel(folder, { dtype: "float32", device: "cpu" })]) {
      expectClose(ends(logits(loaded)), wanted, 2e-4)
      if (features) expectClose(featuresOf(loaded), features, 2e-4)
    }
  })
})

const baseOf = (name: string): { base: string } => {
  const json = JSON.parse(readFileSync(join(at(name), "adapter_config.json"), "utf8"))
  return { base: json.base_model_name_or_path.replace("../", "") }
}

it.each(Object.keys(linear))("knows the linear modules of transformers by their names: %s", (name) => {
  const modules = [...new Modules(readConfig(at(name))).byName.values()]
  const names = modules.filter((module) => module.linear).map((module) => module.name.replace(/\d+/g, "{i}"))
  expect([...new Set(names)].sort()).toEqual(linear[name])
})

describe("an adapter that does not fit", () => {
  let count = 0
  /** A copy of an adapter with another adapter_config.json. */
  function changed(change: Record<string, unknown>, name = "tied-tokens"): string {
    const folder = join(root, `changed-${count++}`)
    cpSync(at(name), folder, { recursive: true })
    const file = join(folder, "adapter_config.json")
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), ...change }))
    return folder
  }
  const load = (folder: string, base = "llama-tied") => failureOf(() => loadModel(folder, { base: at(base) }))

  it.each([
    [{ peft_type: "IA3" }, /"IA3", not LORA/],
    [{ use_dora: true }, /DoRA/],
    [{ bias: "all" }, /biases \(bias: "all"\)/],
    [{ init_lora_weights: "pissa" }, /init_lora_weights: "pissa"/],
    [{ layer_replication: [[0, 1]] }, /option "layer_replication"/],
    [{ option_of_tomorrow: true }, /option "option_of_tomorrow"/],
    [{ r: 3 }, /lora_A\.weight is \[2, 16\], the model needs \[3, 16\]/],
    [{ trainable_token_indices: [90] }, /token 90, the model has 48/],
    [{ trainable_token_indices: { embed_tokens: [4, 7, 4] } }, /trainable_token_indices names token 4 twice/],
    [{ target_modules: "(" }, /no regular expression/],
    [{ target_modules: ["q_proj", "lm_head"] }, /lm_head, which the adapter should have matrices for/],
  ])("%j", (change, message) => {
    expect(load(changed(change))).toMatch(message)
  })

  it("names what another model has not", () => {
    expect(load(at("vision"))).toMatch(/another model than .*: it has no/)
    expect(load(at("patterns"), "qwen2_5_vl")).toMatch(/another model/)
  })

  it("is refused on other weights of the same shapes, when this program wrote it", async () => {
    const { adapter, checkpoint } = loadModel(at("patterns"), { dtype: "float32" })
    const folder = join(root, "fingerprint")
    const { tensors } = readCheckpoint(at("llama"))
    await saveAdapter(folder, adapter!, { config: checkpoint.config, base: tensors, baseName: { name: at("llama") } })
    expect(loadModel(folder).adapter).toBeDefined()
    const base = join(root, "other-base")
    cpSync(at("llama"), base, { recursive: true })
    const file = join(base, "model.safetensors")
    const bytes = readFileSync(file)
    bytes.fill(0x3f, bytes.length - 4000)
    writeFileSync(file, bytes)
    expect(failureOf(() => loadModel(folder, { base }))).toMatch(/its weights are others, for example/)
  })

  it("is read from a pickle as from safetensors, which win", () => {
    const folder = changed({}, "patterns")
    const before = logits(loadModel(folder, { base: at("llama"), dtype: "float32", device: "cpu" }))
    rmSync(join(folder, "adapter_model.safetensors"))
    cpSync(at("../pickle/adapter_model.bin"), join(folder, "adapter_model.bin"))
    expect(logits(loadModel(folder, { base: at("llama"), dtype: "float32", device: "cpu" }))).toEqual(before)
  })

  it("is refused beside a whole model", () => {
    const folder = changed({})
    cpSync(join(at("llama-tied"), "model.safetensors"), join(folder, "model.safetensors"))
    expect(load(folder)).toMatch(/holds an adapter \(adapter_config\.json\) and a whole model \(model\.safetensors\)/)
  })

  it("is refused as a damaged pickle, without a base, and as the base of another", () => {
    const folder = changed({ base_model_name_or_path: null })
    expect(failureOf(() => loadModel(folder))).toMatch(/does not say which model/)
    expect(load(folder, "patterns")).toMatch(/is an adapter itself/)
    rmSync(join(folder, "adapter_model.safetensors"))
    expect(load(folder)).toMatch(/has no adapter_model\.safetensors/)
    writeFileSync(join(folder, "adapter_model.bin"), "")
    expect(load(folder)).toMatch(/not a valid PyTorch file: it has only 0 bytes/)
  })
})
