import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { documentsOf, plainTask } from "../../../test/support/documents.js"
import { UserError } from "../../errors.js"
import type { Doc } from "../task/task.js"
import { firstDocuments, isIn, parseShard, selected } from "./selection.js"
import { askingOrder, type Surveyed, survey } from "./survey.js"

async function surveyed(rows: readonly Doc[], task = plainTask(), part = {}): Promise<Surveyed[]> {
  const found: Surveyed[] = []
  for await (const each of survey(task, documentsOf(rows), { first: rows.length, ...part })) found.push(each.surveyed)
  return found
}

describe("what documents ask", () => {
  it("is told by a hash of the text, the pictures and the choices", async () => {
    const rows: Doc[] = [
      { question: "a" },
      { question: "b" },
      { question: "a", picture: Uint8Array.of(1) },
      { question: "a", picture: Uint8Array.of(2) },
      { question: "a", choices: ["a"] },
    ]
    const hashes = (await surveyed(rows)).map(({ asked }) => asked)
    expect(new Set(hashes).size).toBe(rows.length)
    expect((await surveyed(rows.toReversed())).map(({ asked }) => asked)).toEqual(hashes.toReversed())
  })

  it("may be nothing: the others are asked", async () => {
    const task = plainTask({
      ask({ question }) {
        if (question === "bad") throw new UserError("it has no text", { where: "question" })
        return { context: String(question), pictures: [] }
      },
    })
    const [good, bad] = await surveyed([{ question: "a" }, { question: "bad" }], task)
    expect([good.failed, bad.failed]).toEqual([undefined, "question: it has no text"])
  })
})

describe("the order of asking", () => {
  it("has every document once, those about the same pictures together", () => {
    const document = fc.record({ length: fc.nat(9), pictures: fc.constantFrom("", "p", "q", "r") })
    fc.assert(
      fc.property(fc.array(document, { maxLength: 60 }), (documents) => {
        const all = documents.map((each, index) => ({ ...each, index, asked: String(index) }))
        const order = askingOrder(all)
        expect(order.map(({ index }) => index).sort((a, b) => a - b)).toEqual(all.map(({ index }) => index))
        const runs = order.filter(({ pictures }, i) => pictures !== "" && order[i - 1]?.pictures !== pictures)
        expect(runs).toHaveLength(new Set(all.map(({ pictures }) => pictures).filter(Boolean)).size)
      }),
    )
  })

  it("has long ones first, of those that lie near each other", () => {
    const all = Array.from({ length: 600 }, (_, index) => ({ index, length: index % 100, pictures: "", asked: "" }))
    const order = askingOrder(all)
    const windows = order.map(({ index }) => Math.floor(index / 256))
    expect(windows).toEqual(windows.toSorted((a, b) => a - b))
    const lengths = order.filter(({ index }) => index < 256).map(({ length }) => length)
    expect(lengths).toEqual(lengths.toSorted((a, b) => b - a))
  })
})

describe("which documents are asked", () => {
  it("goes by the limit: a number, or a part that is rounded up", () => {
    expect([undefined, 3, 100, 0.1, 0.11, 0.001].map((limit) => firstDocuments(50, limit))).toEqual([
      50, 3, 50, 5, 6, 1,
    ])
  })

  it("shares them out to shards, each once", () => {
    fc.assert(
      fc.property(fc.nat(50), fc.integer({ min: 1, max: 7 }), (first, count) => {
        const shards = Array.from({ length: count }, (_, i) => ({ index: i + 1, count }))
        const all = shards.flatMap((shard) => selected(first, shard))
        expect(all.sort((a, b) => a - b)).toEqual(selected(first, undefined))
        for (const shard of shards) expect(selected(first, shard).every((index) => isIn(index, shard))).toBe(true)
      }),
    )
  })

  it("is said by a part of a whole", () => {
    expect(parseShard("2/3")).toEqual({ index: 2, count: 3 })
    for (const text of ["0/3", "4/3", "1", "1/0", "a/b", "-1/2"]) expect(() => parseShard(text)).toThrow(UserError)
  })
})
