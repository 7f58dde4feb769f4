/** `diffusionvl eval perplexity` as people run it: what the library measures, with what it means; and stopped. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { perplexity } from "../../src/eval/perplexity.js"
import { loadSession, openModel } from "../../src/generate/session.js"
import { type Result, start } from "../support/program.js"
import { writeSmallTextModel } from "../support/small-text-model.js"

const root = mkdtempSync(join(tmpdir(), "perplexity-command-"))
const begin = (...args: string[]) =>
  start(root, ["eval", "perplexity", ...args, "--device", "cpu", "--dtype", "float32"])
const run = (...args: string[]): Promise<Result> => begin(...args).result
const TEXT = "All of it is green. What colour is this? hello, zebra — é, and so on.\n".repeat(3)
let model: string

beforeAll(async () => {
  model = (await writeSmallTextModel(root)).folder
  writeFileSync(join(root, "text.txt"), TEXT)
  writeFileSync(join(root, "long.txt"), TEXT.repeat(200))
  writeFileSync(join(root, "latin1.txt"), Buffer.from([0x61, 0xe9, 0x62]))
})
afterAll(() => rmSync(root, { recursive: true }))

describe("eval perplexity", { timeout: 600_000 }, () => {
  it("prints what the library measures, and writes the same", async () => {
    const sizes = { window: 32, stride: 8, limit: 50 }
    const found = await perplexity(loadSession(model, { dtype: "float32" }), TEXT, sizes)
    const options = ["--window", "32", "--stride", "8", "--limit", "50", "--out", "new/result.json"]
    const { code, out, err } = await run(model, "text.txt", "--json", ...options)
    expect([code, err]).toEqual([0, expect.stringMatching(/^written {2}new\/result\.json\n$/m)])
    expect(JSON.parse(out)).toMatchObject({ ...sizes, paradigm: "autoregressive", tokens: 50, windows: found.windows })
    expect(JSON.parse(out).logLikelihood).toBeCloseTo(found.logLikelihood, 3)
    expect(JSON.parse(readFileSync(join(root, "new/result.json"), "utf8"))).toEqual(JSON.parse(out))
    const printed = await run(model, "text.txt", ...options.slice(0, 6))
    expect(printed.out).toMatch(/^perplexity {2}[\d.]+ per token · [\d.]+ per byte · [\d.]+ bits per byte\n/)
    expect(printed.out).toContain(`${found.tokens} tokens, ${found.bytes} bytes, ${found.windows} windows`)
    expect(printed.out).toMatch(/an autoregressive model: each token given all before it/)
  })

  it("of a built-in diffusion model says of which order it is", async () => {
    writeFileSync(join(root, "short.txt"), "It is a panda, among animals and nature.")
    const session = await openModel("emoji-diffusion", { dtype: "float32", device: "cpu" })
    const found = await perplexity(session, "It is a panda, among animals and nature.")
    const { code, out, err } = await run("emoji-diffusion", "short.txt")
    expect([code, err]).toEqual([0, expect.not.stringContaining("warning")])
    expect(Number(/([\d.e+]+) per token/.exec(out)?.[1]) / found.tokenPerplexity).toBeCloseTo(1, 3)
    expect(out).toMatch(/a block-diffusion model that reveals .* from left to right/)
    const bound = ["--likelihood", "bound", "--likelihood-samples", "16"]
    const estimated = await run("emoji-diffusion", "short.txt", ...bound, "--seed", "5")
    expect(estimated.out).toMatch(/ · [\d.]+ ± [\d.]+ bits per byte\n/)
    expect(estimated.out).toMatch(/the bound that training lowers, .* from 16 samples \(seed 5\)/)
    expect((await run("emoji-diffusion", "short.txt", ...bound.slice(2))).err).toMatch(
      /an exact likelihood has no samples/,
    )
    expect((await run("emoji-diffusion", "short.txt", "--likelihood", "sideways")).err).toMatch(/exact, bound/)
    const causal = await run("emoji-diffusion", "short.txt", "--mode", "autoregressive")
    expect(causal.out).toMatch(/an autoregressive model: each token/)
    expect(causal.err).toMatch(
      /^warning: the model was not trained for this mode: .* decoded as an autoregressive model/m,
    )
    const json = await run("emoji-diffusion", "short.txt", "--mode", "autoregressive", "--json")
    expect(JSON.parse(json.out).warning).toMatch(/not trained for this mode/)
  })

  it("stops at Ctrl-C, and says what was known", async () => {
    const { child, result } = begin(model, "long.txt", "--window", "4", "--stride", "1", "--out", "never.json")
    child.stderr!.once("data", () => child.kill("SIGINT"))
    const { code, out, err } = await result
    expect([code, out, err]).toEqual([130, "", expect.stringMatching(/stopped after \d.* of .* tokens · .* per token/)])
    expect(readdirSync(root)).not.toContain("never.json")
  })

  it("says what cannot be", async () => {
    const cases: [string[], number, RegExp][] = [
      [[model, "nowhere.txt"], 1, /nowhere\.txt/],
      [[model, "latin1.txt"], 1, /not UTF-8/],
      [[model, "text.txt", "--out", "."], 1, /it is a folder, and the result is a file/],
      [[model, "text.txt", "--window", "99999"], 1, /window of 99999 tokens is impossible/],
      [["nothing-here", "text.txt"], 1, /nothing-here/],
      [[model, "text.txt", "--limit", "0"], 2, /at least 1/],
    ]
    for (const [args, expected, sentence] of cases) {
      const { code, err } = await run(...args)
      expect([args, code, err]).toEqual([args, expected, expect.stringMatching(sentence)])
    }
  })
})
