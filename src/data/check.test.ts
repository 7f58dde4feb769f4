import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { UserError } from "../errors.js"
import { Tokenizer } from "../text/tokenizer/tokenizer.js"
import { type CheckEvent, type CheckOptions, checkDataset, type DataProblem, type DataSummary } from "./check.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-check-"))
afterAll(() => rmSync(folder, { recursive: true }))
mkdirSync(join(folder, "folder.png"))
for (const name of ["a.png", "b.png", "broken.png"]) writeFileSync(join(folder, name), name)
const file = join(folder, "data.json")

const ask = (marks: number): object[] => [
  { from: "human", value: `${"<image>\n".repeat(marks)}What?` },
  { from: "gpt", value: "A cat, I think." },
]
const records = [
  { image: "a.png", conversations: ask(1) },
  { conversations: [...ask(0), ...ask(0)] },
  { image: ["a.png", "b.png"], conversations: ask(2) },
  { image: "missing.png", conversations: ask(1) },
  { image: "folder.png", conversations: ask(1) },
  { image: "a.png", conversations: ask(2) },
  { image: "broken.png", conversations: ask(1) },
  { image: "a.png", mix_with: ["missing.png"], conversations: ask(1) },
]
writeFileSync(file, JSON.stringify(records))

async function run(
  path: string,
  options?: CheckOptions,
): Promise<{ problems: DataProblem[]; summary: DataSummary; events: CheckEvent[] }> {
  const events: CheckEvent[] = []
  for await (const event of checkDataset(path, options)) events.push(event)
  const last = events[events.length - 1]
  if (last.type !== "summary") throw new Error("the last event is no summary")
  return { problems: events.filter((e) => e.type === "problem"), summary: last, events }
}

it("names every bad record, and sums up the rest", async () => {
  const { problems, summary } = await run(file)
  expect(problems.map(({ index, what }) => [index, what])).toEqual([
    [3, `there is no image ${join(folder, "missing.png")}`],
    [4, `the image ${join(folder, "folder.png")} is a folder, not an image`],
    [5, "the text has 2 <image> marks, the record 1 image"],
    [7, `there is no image ${join(folder, "missing.png")}`],
  ])
  expect(problems[0].where).toBe(`${file}, record 3`)
  expect(problems[0].fix).toMatch(/mend/)
  expect(summary).toEqual({
    type: "summary",
    records: 8,
    checked: 8,
    bad: 4,
    textOnly: 1,
    multiImage: 1,
    images: 5,
    answers: 5,
  })
})

it("decodes each image once, and says what is wrong with it", async () => {
  const decoded: string[] = []
  const decode = async (path: string): Promise<void> => {
    decoded.push(path)
    if (readFileSync(path, "utf8") === "broken.png") throw new UserError("the image cannot be decoded (not a picture)")
  }
  const { problems, summary } = await run(file, { decode })
  expect(decoded.map((path) => path.slice(folder.length + 1))).toEqual(["a.png", "b.png", "broken.png"])
  expect(problems.find(({ index }) => index === 6)?.what).toBe(
    `the image ${join(folder, "broken.png")} cannot be decoded (not a picture)`,
  )
  expect(summary.bad).toBe(5)
})

it("counts tokens, and finds a tokenizer that does not fit", async () => {
  const tokenizer = Tokenizer.load(join(import.meta.dirname, "..", "..", "test", "fixtures", "text", "qwen-style"))
  const { tokens } = (await run(file, { tokenizer })).summary
  expect(tokens!.longestIndex).toBe(1)
  expect(tokens!.longest).toBeLessThan(tokens!.total)
  const { problems } = await run(file, { tokenizer, format: "llava_llada", limit: 1 })
  expect(problems[0].what).toMatch(/no token <\|startoftext\|>/)
})

it("finds samples of which nothing is left to learn, pictures counted in rows", async () => {
  const tokenizer = Tokenizer.load(join(import.meta.dirname, "..", "..", "test", "fixtures", "text", "qwen-style"))
  const rows = async (path: string): Promise<number> => (path.endsWith("a.png") ? 4 : 400)
  const { summary } = await run(file, { tokenizer, imageSpan: rows })
  expect(summary.bad).toBe(4)
  expect(summary.tokens!.longestIndex).toBe(2)
  expect(summary.tokens!.longest).toBeGreaterThan(404)
  const { problems } = await run(file, { tokenizer, imageSpan: rows, maxLength: 400, limit: 3 })
  expect(problems.map(({ index, what }) => [index, what.replace(/\d+/g, "N")])).toEqual([
    [2, "there is nothing to learn: the answer begins at token N of N, and a sample is cut to N"],
  ])
})

it("says what rows say of a picture, with its path", async () => {
  const rows = async (): Promise<number> => {
    throw new UserError("the image is 1 × 300: one side is more than 200 times the other", { fix: "crop it" })
  }
  const { problems } = await run(file, { imageSpan: rows, limit: 1 })
  expect(problems).toMatchObject([
    { what: expect.stringMatching(/^the image .*a\.png is 1 × 300: one side/), fix: "crop it" },
  ])
})

it("counts added tokens as the training does: trusted, or as text", async () => {
  const tokenizer = Tokenizer.load(join(import.meta.dirname, "..", "..", "test", "fixtures", "text", "qwen-style"))
  const path = join(folder, "tools.json")
  const total = async (value: string, options: CheckOptions = {}): Promise<number> => {
    writeFileSync(
      path,
      JSON.stringify([
        {
          conversations: [
            { from: "human", value: "x" },
            { from: "gpt", value },
          ],
        },
      ]),
    )
    return (await run(path, { tokenizer, ...options })).summary.tokens!.total
  }
  const empty = (await total("é")) - tokenizer.encode("é").length
  for (const token of ["<tool_call>", "<|box_start|>", "<|im_end|>"]) {
    expect(await total(token)).toBe(empty + 1)
    expect(await total(token, { trusted: false })).toBe(empty + tokenizer.encode(token).length)
  }
})

it("stops at the limit, reports progress, and reads lines", async () => {
  const lines = join(folder, "data.jsonl")
  writeFileSync(lines, `${JSON.stringify(records[1])}\n`.repeat(600))
  const { summary, events } = await run(lines, { limit: 520, imageRoot: "/nowhere" })
  expect(summary).toMatchObject({ records: 600, checked: 520, bad: 0, answers: 1040 })
  expect(events.slice(0, -1)).toEqual([
    { type: "progress", done: 256, total: 520 },
    { type: "progress", done: 512, total: 520 },
  ])
})

it("a record that is not JSON is one problem among others; a broken file is an error", async () => {
  const bad = join(folder, "bad.json")
  writeFileSync(bad, `[{"conversations": nothing}, ${JSON.stringify(records[1])}]`)
  const { problems, summary } = await run(bad)
  expect(problems.map(({ index }) => index)).toEqual([0])
  expect(problems[0].what).toMatch(/not JSON/)
  expect(problems[0].where).toBe(`${bad}, record 0 (line 1, from byte 1)`)
  expect(summary.bad).toBe(1)
  writeFileSync(bad, '[{"a": ')
  await expect(run(bad)).rejects.toThrow(/no end at byte/)
})
