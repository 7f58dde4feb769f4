import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { UserError } from "../errors.js"
import { readQuestions } from "./questions.js"

const folder = mkdtempSync(join(tmpdir(), "questions-"))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
function fileOf(...records: object[]): string {
  const file = join(folder, `${files++}.json`)
  writeFileSync(file, JSON.stringify(records))
  return file
}
const turns = (...texts: string[]): { from: string; value: string }[] =>
  texts.map((value, i) => ({ from: i % 2 === 0 ? "human" : "gpt", value }))

describe("questions", () => {
  it("are the answers of the records, each behind what was said before it", async () => {
    writeFileSync(join(folder, "cat.png"), "")
    const file = fileOf(
      { image: "cat.png", conversations: turns("What is this?\n<image>", "a cat", "And its colour?", " black ") },
      { conversations: turns("Say hello.", "hello") },
    )
    const image = { role: "user", content: [{ type: "image" }, { type: "text", text: "\nWhat is this?" }] }
    const [first, second, third, ...rest] = await readQuestions(file)
    expect(rest).toEqual([])
    expect(first).toEqual({
      where: `${file}, record 0`,
      messages: [image],
      images: [join(folder, "cat.png")],
      references: ["a cat"],
    })
    expect(second.messages.map(({ role }) => role)).toEqual(["user", "assistant", "user"])
    expect([second.references, second.images]).toEqual([["black"], first.images])
    expect(third).toMatchObject({ where: `${file}, record 1`, images: [], references: ["hello"] })
    expect(await readQuestions(file, { limit: 2 })).toEqual([first, second])
    expect(await readQuestions(file, { limit: 99 })).toHaveLength(3)
  })

  it("have the pictures that they show, where there are several", async () => {
    for (const name of ["a.png", "b.png"]) writeFileSync(join(folder, name), "")
    const file = fileOf({ image: ["a.png", "b.png"], conversations: turns("<image> one", "1", "<image> two", "2") })
    const shown = (await readQuestions(file)).map(({ images }) => images.length)
    expect(shown).toEqual([1, 2])
  })

  it.each([
    [{ conversations: turns("a", "b", "c", "") }, /an expected answer is empty/],
    [{ conversations: [...turns("a", "b"), { from: "gpt", value: "c" }] }, /an answer stands behind no question/],
    [{ conversations: turns("a") }, /no answer/],
    [{ image: "none.png", conversations: turns("<image>", "b") }, /there is no image .*none\.png/],
  ])("that cannot be asked are named: %j", async (record, message) => {
    const file = fileOf({ conversations: turns("a", "b") }, record)
    const error = await readQuestions(file).catch((error) => error)
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toMatch(message)
    expect(error.where).toContain(`${file}, record 1`)
  })

  it("are missing in a file without records, or there is no file", async () => {
    await expect(readQuestions(fileOf())).rejects.toThrow(/no question in it/)
    await expect(readQuestions(join(folder, "nowhere.json"))).rejects.toThrow(UserError)
  })
})
