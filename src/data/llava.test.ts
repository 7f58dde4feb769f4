import { describe, expect, it } from "vitest"
import { UserError } from "../errors.js"
import { conversationOf, parseSample } from "./llava.js"

const turns = [
  { from: "human", value: "<image>\nWhat?" },
  { from: "gpt", value: "A cat." },
]
const image = { type: "image" } as const

describe("parseSample", () => {
  it("reads both spellings of a record", () => {
    const want = {
      messages: [
        { role: "user", content: [image, { type: "text", text: "\nWhat?" }] },
        { role: "assistant", content: [{ type: "text", text: "A cat." }] },
      ],
      images: ["/images/a.png"],
      mix: [],
      mirror: true,
    }
    expect(parseSample({ image: "a.png", conversations: turns }, "", "/images")).toEqual(want)
    const messages = [
      { role: "user", content: "<image>\nWhat?" },
      { role: "assistant", content: "A cat." },
    ]
    expect(parseSample({ images: ["/images/a.png"], messages }, "", "/elsewhere")).toEqual(want)
  })
  it("passes on what a mixture and the augmentation need", () => {
    const record = { image: "a.png", conversations: turns, task: "name", mix: ["b.png", "/c.png"], mirror: false }
    expect(parseSample(record, "", "/images")).toMatchObject({
      task: "name",
      mix: ["/images/b.png", "/c.png"],
      mirror: false,
    })
  })
  it("leaves the marks of a text-only record alone", () => {
    expect(parseSample({ conversations: turns }, "", "").messages[0].content).toBe("<image>\nWhat?")
  })
  it("names bad records: file, index, reason", () => {
    const bad = (record: unknown): string => {
      try {
        parseSample(record, "data.json, record 7", "/images")
      } catch (error) {
        expect(error).toBeInstanceOf(UserError)
        return (error as UserError).format()
      }
      return "no error"
    }
    const says = (record: unknown, reason: string): void =>
      expect(bad(record).split("\n")[0]).toBe(`data.json, record 7: ${reason}`)
    expect(bad({ conversations: turns })).toBe("no error")
    for (const wrong of [null, 3, "text", [turns]]) says(wrong, "the record is not an object")
    says({ image: "a.png" }, 'the record has no "conversations"')
    says({ conversations: [] }, 'the record has no "conversations"')
    says({ image: ["a.png", "b.png"], conversations: turns }, "the text has 1 <image> mark, the record 2 images")
    says({ image: "a.png", conversations: [turns[1], turns[1]] }, "the text has 0 <image> marks, the record 1 image")
    for (const wrong of [3, [4], "", ["a.png", ""]])
      says({ image: wrong, conversations: turns }, '"image" is neither a path nor a list of paths')
    says({ conversations: turns, mix: {} }, '"mix" is neither a path nor a list of paths')
    says({ conversations: turns, task: 4 }, '"task" is not a text')
    says({ conversations: [{ from: "robot", value: "x" }] }, 'a turn is from "robot"')
    says({ conversations: [{ from: "constructor", value: "x" }] }, 'a turn is from "constructor"')
    says({ conversations: [null] }, "a turn is from nobody")
    says({ conversations: [{ from: "human" }] }, "a turn has no text")
    says({ conversations: [turns[0]] }, "the conversation has no answer to learn")
  })
})

describe("conversationOf", () => {
  const content = (value: string, hasImage = true, keepPlace = false): unknown =>
    conversationOf([{ from: "human", value }], hasImage, keepPlace)[0].content
  it("moves a single mark of a message to its front", () => {
    expect(content(" Look <image> here. ")).toEqual([image, { type: "text", text: "\nLook  here." }])
    expect(content("<image>Look.")).toEqual([image, { type: "text", text: "Look." }])
    expect(content("a <image> b <image>")).toEqual([
      { type: "text", text: "a " },
      image,
      { type: "text", text: " b " },
      image,
    ])
    expect(content("Look <image> here.", false, true)).toEqual([
      { type: "text", text: "Look " },
      image,
      { type: "text", text: " here." },
    ])
  })
  it("drops an opening answer and a leftover of public data", () => {
    expect(conversationOf([{ from: "gpt", value: "Hi" }, ...turns], false).map(({ role }) => role)).toEqual([
      "user",
      "assistant",
    ])
    expect(content("QA_GT_caption_based_noisyDescribe.", false)).toBe("Describe.")
  })
})
