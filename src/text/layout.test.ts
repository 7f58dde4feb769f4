import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { UserError } from "../errors.js"
import { IGNORE, IMAGE } from "./conversation.js"
import type { ImageSpan } from "./image-span.js"
import { layOut } from "./layout.js"

const encoded = (
  ids: number[],
  labels = ids.map((id) => (id % 2 === 0 ? IGNORE : id)),
): Parameters<typeof layOut>[0] => ({
  ids: Int32Array.from(ids),
  labels: Int32Array.from(labels),
})

describe("layOut", () => {
  it("says where the answers stand, as far as they are left", () => {
    const answers = [
      { start: 2, end: 4 },
      { start: 5, end: 7 },
    ]
    const sequence = { ...encoded([1, IMAGE, 3, 4, 5, 6, 7]), answers }
    const left = (maxLength?: number) => layOut(sequence, [3], { maxLength }).answers
    expect(left()).toEqual([
      { start: 4, end: 6 },
      { start: 7, end: 9 },
    ])
    expect(left(8)).toEqual([
      { start: 4, end: 6 },
      { start: 7, end: 8 },
    ])
    expect(left(7)).toEqual([{ start: 4, end: 6 }])
  })

  it("expands slots to rows and pads to whole blocks with learned EOS", () => {
    const { ids, labels, images } = layOut(encoded([1, IMAGE, 3, 4, IMAGE]), [2, 3], { blocks: { size: 4, eos: 9 } })
    expect([...ids]).toEqual([1, IMAGE, IMAGE, 3, 4, IMAGE, IMAGE, IMAGE])
    expect([...layOut(encoded([1, IMAGE]), [4], { blocks: { size: 4, eos: 9 } }).ids]).toEqual([
      1, -200, -200, -200, -200, 9, 9, 9,
    ])
    expect([...layOut(encoded([1, IMAGE]), [4], { blocks: { size: 4, eos: 9 } }).labels]).toEqual([
      1, -100, -100, -100, -100, 9, 9, 9,
    ])
    expect([...labels]).toEqual([1, IGNORE, IGNORE, 3, IGNORE, IGNORE, IGNORE, IGNORE])
    expect(images).toEqual([
      { image: 0, from: 0, start: 1, count: 2 },
      { image: 1, from: 0, start: 5, count: 3 },
    ])
  })
  it("cuts at the longest length, inside an image if need be", () => {
    const cut = layOut(encoded([1, IMAGE, 3, IMAGE, 5]), [3, 3], { maxLength: 6, blocks: { size: 4, eos: 9 } })
    expect([...cut.ids]).toEqual([1, IMAGE, IMAGE, IMAGE, 3, IMAGE, 9, 9])
    expect(cut.images).toEqual([
      { image: 0, from: 0, start: 1, count: 3 },
      { image: 1, from: 0, start: 5, count: 1 },
    ])
    expect(layOut(encoded([1, IMAGE, 3]), [2], { maxLength: 1 })).toEqual({
      ids: Int32Array.of(1),
      labels: Int32Array.of(1),
      images: [],
    })
  })
  it("is the plain expansion, cut and padded", () => {
    const id = fc.integer({ min: 0, max: 50 })
    const item = fc.oneof(
      id,
      fc.integer({ min: 1, max: 9 }).map((span): { span: ImageSpan } => ({ span })),
      fc.array(fc.oneof(id, fc.constant(IMAGE)), { maxLength: 9 }).map((ids) => ({ span: Int32Array.from(ids) })),
    )
    const blocks = fc.option(fc.record({ size: fc.integer({ min: 1, max: 8 }), eos: fc.constant(99) }), {
      nil: undefined,
    })
    fc.assert(
      fc.property(fc.array(item), fc.integer({ min: 1, max: 60 }), blocks, (items, maxLength, blocks) => {
        const sequence = encoded(items.map((x) => (typeof x === "number" ? x : IMAGE)))
        const spans = items.flatMap((x) => (typeof x === "number" ? [] : [x.span]))
        const layout = layOut(sequence, spans, { maxLength, blocks })
        const idsOf = (span: ImageSpan): number[] => (typeof span === "number" ? Array(span).fill(IMAGE) : [...span])
        const plain = items.flatMap((x) => (typeof x === "number" ? [x] : idsOf(x.span))).slice(0, maxLength)
        const padding = blocks ? (blocks.size - (plain.length % blocks.size)) % blocks.size : 0
        expect([...layout.ids]).toEqual([...plain, ...Array(padding).fill(99)])
        const learned = (id: number): number => (id % 2 === 0 ? IGNORE : id)
        const labels = items.flatMap((x) =>
          typeof x === "number" ? [learned(x)] : idsOf(x.span).map(() => IGNORE as number),
        )
        expect([...layout.labels]).toEqual([...labels.slice(0, maxLength), ...Array(padding).fill(99)])
        const shown = layout.images.flatMap(({ image, from, start, count }) =>
          Array.from({ length: count }, (_, i) => [start + i, image, from + i]),
        )
        const features = spans.flatMap((span, image) =>
          idsOf(span)
            .filter((id) => id === IMAGE)
            .map((_, i) => [image, i]),
        )
        const rows = plain.flatMap((id, row) => (id === IMAGE ? [row] : []))
        expect(shown).toEqual(rows.map((row, i) => [row, ...features[i]]))
      }),
    )
  })
  it("refuses a different number of slots and images", () => {
    expect(() => layOut(encoded([1, IMAGE]), [])).toThrow(/1 image placeholder, but there are 0 images/)
    expect(() => layOut(encoded([1, IMAGE, IMAGE]), [4])).toThrow(/2 image placeholders, but there is 1 image$/)
  })
})

it("refuses a cut that leaves nothing of the answer", () => {
  const encoded = {
    ids: Int32Array.of(1, IMAGE, 2, 3, 4),
    labels: Int32Array.of(-100, -100, -100, 3, 4),
    answerStart: 3,
  }
  expect(layOut(encoded, [10], { maxLength: 13 }).ids.length).toBe(13)
  expect(() => layOut(encoded, [10], { maxLength: 12 })).toThrow(
    "there is nothing to learn: the answer begins at token 12 of 14, and a sample is cut to 12",
  )
  const fixOf = (ids: Int32Array, spans: number[], smaller?: string): unknown => {
    try {
      return layOut({ ...encoded, ids }, spans, { maxLength: 3, smaller })
    } catch (error) {
      return (error as UserError).fix
    }
  }
  expect(fixOf(encoded.ids, [10], "lower it")).toBe("raise data.max_length, lower it, or shorten the record")
  expect(fixOf(encoded.ids, [10])).toBe("raise data.max_length or shorten the record")
  expect(fixOf(Int32Array.of(1, 1, 2, 3, 4), [], "lower it")).toBe("raise data.max_length or shorten the record")
})
