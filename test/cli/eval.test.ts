/** `diffusionvl eval` as people run it: to its scores, killed again and again, against a server, and what cannot be is said before. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { KeptAnswer } from "../../src/eval/run/kept-answer.js"
import { serve } from "../../src/serve/serve.js"
import { type Result, start } from "../support/program.js"
import { SMALL_DECODING, writeSmallEvaluation } from "../support/small-evaluation.js"

const root = mkdtempSync(join(tmpdir(), "eval-command-"))
const run = (...args: string[]): Promise<Result> => start(root, ["eval", ...args]).result
const TASK = ["--tasks", "chartqa", "--data", "chartqa=chartqa.jsonl"]
const ARGS = ["blocks", ...TASK, ...SMALL_DECODING]

/** How the page of a run says that it is made again, without the marks of its words. */
function commandOn(out: string): string | undefined {
  const page = readFileSync(join(root, out, "report.html"), "utf8")
  return /How to make this again<\/h2>\s*<pre>(.*?)<\/pre>/s.exec(page)?.[1].replace(/<[^>]*>/g, "")
}

function answersIn(out: string): KeptAnswer[] {
  const [file] = readdirSync(join(root, out, "answers"))
  const lines = readFileSync(join(root, out, "answers", file), "utf8")
    .trimEnd()
    .split("\n")
    .slice(1)
  return lines.map((line) => JSON.parse(line) as KeptAnswer).sort((a, b) => a.index - b.index)
}
/** Without what the machine decides. */
const textsIn = (out: string): unknown[] => answersIn(out).map(({ seconds: _, ...answer }) => answer)

/** A run that was not disturbed, in the folder `whole`: made for the first test that wants it. */
let made: Promise<Result> | undefined
const whole = (): Promise<Result> => {
  made ??= run(...ARGS, "--out", "whole")
  return made
}

beforeAll(async () => {
  const { charts } = await writeSmallEvaluation(root, 40)
  const rows = readFileSync(charts, "utf8")
    .split("\n")
    .slice(0, 3)
    .map((line) => JSON.parse(line) as object)
  const bad = [rows[0], { ...rows[1], image: "no.png" }, rows[2]]
  writeFileSync(join(root, "none.jsonl"), `${JSON.stringify({ ...rows[0], question: "long ".repeat(50_000) })}\n`)
  writeFileSync(join(root, "bad.jsonl"), bad.map((row) => `${JSON.stringify(row)}\n`).join(""))
  writeFileSync(join(root, "no.png"), "this is no picture")
  writeFileSync(join(root, "lacking.jsonl"), `${JSON.stringify({ question: "?", answer: "a" })}\n`)
})
afterAll(() => rmSync(root, { recursive: true }))

// Each test runs the program several times, beside whatever else the machine does.
describe("eval", { timeout: 600_000 }, () => {
  it("asks and scores, and asks nothing twice", async () => {
    const first = await whole()
    expect(first).toMatchObject({ code: 0, out: expect.stringMatching(/\|chartqa.*relaxed_overall/s) })
    expect(first.err).toMatch(/reused: \d+ % of the prompts' tokens, 20 of 40 pictures/)
    expect(answersIn("whole").map(({ index }) => index)).toEqual(Array.from({ length: 40 }, (_, i) => i))
    const again = await run(...ARGS, "--out", "whole")
    expect(again).toMatchObject({ code: 0, err: expect.stringContaining("40 of 40 answers are known") })
    expect(answersIn("whole")).toHaveLength(40)
  })

  it("stops at Ctrl-C and says how to go on; two at once are refused", async () => {
    await whole()
    const args = [...ARGS, "--concurrent", "1", "--out", "stopped"]
    const first = start(root, ["eval", ...args])
    const begun = new Promise<void>((done) => {
      const timer = setInterval(() => {
        if ((safely(() => answersIn("stopped").length) ?? 0) === 0) return
        clearInterval(timer)
        first.child.kill("SIGSTOP")
        done()
      }, 5)
    })
    await begun
    const second = await run(...args)
    expect(second).toMatchObject({ code: 1, err: expect.stringMatching(/writes to this folder/) })
    first.child.kill("SIGCONT")
    first.child.kill("SIGINT")
    expect(await first.result).toMatchObject({
      code: 130,
      err: expect.stringContaining("the same command goes on from here"),
    })
    expect(await run(...args)).toMatchObject({ code: 0 })
    expect(textsIn("stopped")).toEqual(textsIn("whole"))
  })

  it("shards and their merge are the whole", async () => {
    await whole()
    for (const shard of ["1/2", "2/2"])
      expect(await run(...ARGS, "--shard", shard, "--out", `s${shard[0]}`)).toMatchObject({ code: 0 })
    const one = await run("merge", "s1", "--out", "half")
    expect(one).toMatchObject({ code: 1, err: expect.stringContaining("2/2") })
    const merged = await run("merge", "s1", "s2", "--out", "merged")
    expect(merged).toMatchObject({ code: 0, out: expect.stringContaining("relaxed_overall") })
    expect(textsIn("merged")).toEqual(textsIn("whole"))
    const { command } = JSON.parse(readFileSync(join(root, "merged", "run.json"), "utf8"))
    expect(command).toMatch(/--shard 1\/2 .*\n.*--shard 2\/2 .*\n.* eval merge s1 s2 --out merged$/)
    expect(commandOn("merged")).toBe(command)
  })

  it("answers are scored anew, and runs compared, without a model", async () => {
    await whole()
    const again = await run("rescore", "whole", "--out", "again")
    expect(again).toMatchObject({ code: 0, out: expect.stringContaining("relaxed_overall") })
    expect(commandOn("again")).toMatch(/^.* eval .*\n.* eval rescore whole --out again$/)
    const compared = await run("compare", "whole", "again", "--out", "compared.html")
    expect(compared).toMatchObject({ code: 0, out: expect.stringMatching(/relaxed_overall .* 40\n/) })
    expect(readFileSync(join(root, "compared.html"), "utf8")).toContain("McNemar")
    expect(await run("compare", "whole", "nowhere")).toMatchObject({ code: 1, err: expect.stringContaining("nowhere") })
  })

  it("a picture that cannot be decoded is one wrong answer, and said", async () => {
    const data = ["--tasks", "chartqa", "--data", "chartqa=bad.jsonl"]
    const { code, out } = await run("blocks", ...data, ...SMALL_DECODING, "--out", "bad")
    expect([code, out]).toEqual([0, expect.stringMatching(/1 of 3 documents failed.*no\.png/s)])
    expect(answersIn("bad").map(({ failed }) => failed === undefined)).toEqual([true, false, true])
    // A score of nothing but failures is no success to a script.
    const none = ["--tasks", "chartqa", "--data", "chartqa=none.jsonl"]
    const failed = await run("blocks", ...none, ...SMALL_DECODING, "--out", "none")
    expect(failed).toMatchObject({ code: 1, out: expect.stringContaining("1 of 1 documents failed") })
  })

  it("asks a server what it asks a model", async () => {
    await whole()
    const server = await serve({
      port: 0,
      models: [{ id: "small", source: join(root, "blocks") }],
      dtype: "float32",
      log: () => {},
    })
    try {
      await server.ready
      const args = ["--url", server.url, ...TASK, "--max-tokens", "6", "--out", "served"]
      expect(await run(...args)).toMatchObject({ code: 0 })
      const told = (out: string) => answersIn(out).map(({ text, tokens, ended }) => ({ text, tokens, ended }))
      expect(told("served")).toEqual(told("whole"))
    } finally {
      await server.close()
    }
  })

  it("says what cannot be before anything is written", async () => {
    await whole()
    const cases: [string[], RegExp][] = [
      [["blocks", "--tasks", "chartq"], /did you mean chartqa\?/],
      [["blocks", "--tasks", "chartqa", "--data", "chartqa=nowhere"], /nowhere/],
      [["blocks", "--tasks", "chartqa", "--data", "chartqa=lacking.jsonl"], /lacks type, image/],
      [["blocks", "--tasks", "chartqa", "--data", "mme=chartqa.jsonl"], /none of the tasks/],
      [["nothing-here", ...TASK], /nothing-here/],
      [["blocks", ...TASK, "--guidance", "2"], /has no guidance/],
      [["--tasks", "chartqa"], /no model to evaluate/],
      [["merge", "whole", "--out", "whole"], /a run in the folder already/],
    ]
    const results = await Promise.all(
      cases.map(([args]) => run(...args, ...(args[0] === "merge" ? [] : ["--out", "never"]))),
    )
    for (const [i, { code, err }] of results.entries())
      expect([cases[i][0], code, err]).toEqual([cases[i][0], 1, expect.stringMatching(cases[i][1])])
    expect(readdirSync(root)).not.toContain("never")
    const help = await run("--help")
    expect(help).toMatchObject({ code: 0, out: expect.stringMatching(/ merge .*--tasks <list>/s) })
    expect(await run("blocks", ...TASK, "--limit", "0")).toMatchObject({ code: 2 })
  })
})

function safely<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
