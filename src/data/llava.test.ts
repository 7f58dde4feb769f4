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
      mixWith: [],
      augmentations: { flip: true },
    }
    expect(parseSample({ image: "a.png", conversations: turns }, "", "/images")).toEqual(want)
    const messages = [
      { role: "user", content: "<image>\nWhat?" },
      { role: "assistant", content: "A cat." },
    ]
    expect(parseSample({ images: ["/images/a.png"], messages }, "", "/elsewhere")).toEqual(want)
  })
  it("passes on what a mixture of tasks and the augmentation need", () => {
    const own = { task: "name", mix_with: ["b.png", "/c.png"], augmentations: { flip: false } }
    expect(parseSample({ image: "a.png", conversations: turns, ...own }, "", "/images")).toMatchObject({
      task: "name",
      mixWith: ["/images/b.png", "/c.png"],
      augmentations: { flip: false },
    })
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
    says({ conversations: turns }, "the text has 1 <image> mark, the record 0 images")
    for (const wrong of [null, 3, "text", [turns]]) says(wrong, "the record is not an object")
    says({ image: "a.png" }, 'the record has no "conversations"')
    says({ conversations: [] }, 'the record has no "conversations"')
    says({ image: ["a.png", "b.png"], conversations: turns }, "the text has 1 <image> mark, the record 2 images")
    says({ image: "a.png", conversations: [turns[1], turns[1]] }, "the text has 0 <image> marks, the record 1 image")
    for (const wrong of [3, [4], "", ["a.png", ""]])
      says({ image: wrong, conversations: turns }, '"image" is neither a path nor a list of paths')
    says({ conversations: turns, mix_with: {} }, '"mix_with" is neither a path nor a list of paths')
    for (const [wrong, shown] of [
      [{ flip: 1 }, '{"flip":1}'],
      [{ turn: false }, '{"turn":false}'],
      ["none", '"none"'],
      [false, "false"],
    ])
      says({ conversations: turns, augmentations: wrong }, `"augmentations" is ${shown}, not {"flip": true or false}`)
    for (const old of ["mix", "mirror"])
      says({ image: "a.png", conversations: turns, [old]: false }, `"${old}" is an earlier name of a key`)
    expect(bad({ conversations: turns, mix: ["b.png"] })).toContain('"mix_with": [paths]')
    expect(bad({ conversations: turns, mirror: false })).toContain('"augmentations": {"flip": false}')
    says({ conversations: turns, task: 4 }, '"task" is not a text')
    says({ conversations: [{ from: "robot", value: "x" }] }, 'a turn is from "robot"')
    says({ conversations: [{ from: "constructor", value: "x" }] }, 'a turn is from "constructor"')
    says({ conversations: [null] }, "a turn is from nobody")
    says({ conversations: [{ from: "human" }] }, "a turn has no text")
    const ask = { from: "human", value: "What?" }
    says({ conversations: [ask] }, "the conversation has no answer to learn")
    says({ conversations: [turns[1]] }, "the conversation has no answer to learn")
    for (const value of ["", " \n"])
      says(
        { conversations: [ask, { from: "gpt", value }] },
        "there is nothing to learn: the answers of the conversation are empty",
      )
    says({ conversations: [ask, { from: "gpt", value: "cut \ud83d" }] }, "a text has half of a character (\\ud83d)")
    const deep = JSON.parse(`${"[".repeat(50_000)}${"]".repeat(50_000)}`)
    says({ conversations: [{ from: deep, value: "x" }] }, "a turn is from a list of 1")
  })

  it("names addresses in the place of a path, cut to a readable length", () => {
    const reason = (path: string): string => {
      try {
        parseSample({ image: path, conversations: turns }, "data.json, record 7", "/images")
      } catch (error) {
        return (error as UserError).format()
      }
      return "no error"
    }
    expect(reason("https://example.org/a.png")).toBe(
      "data.json, record 7: the image is given as an https: URL (https://example.org/a.png)\n  download it and give the path on this machine",
    )
    expect(reason("s3://bucket/a.png")).toMatch(/is given as an s3: URL \(s3:/)
    expect(reason("file:///a.png")).toMatch(
      /the image is given as a file: URL \(file:\/\/\/a\.png\)\n {2}give the path, without file:\/\/ \(\/a\.png\)$/,
    )
    const data = reason(`data:image/png;base64,${"A".repeat(1_000_000)}`)
    expect(data).toMatch(
      /the image is given as a data: URL \(data:image\/.*, 1000022 characters\)\n {2}save what it holds/,
    )
    expect(data.length).toBeLessThan(250)
    expect(reason(`http://${"a".repeat(1_000_000)}`).length).toBeLessThan(250)
    expect(reason("a\0.png")).toMatch(/has a NUL character \(a\\u0000\.png\)/)
    expect(reason("C:\\pictures\\a.png")).toBe("no error")
    expect(reason("a:b.png")).toBe("no error")
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
  it("takes role and content of a turn that has both kinds, as the authors; in the plain format from and value", () => {
    const both = { role: "user", content: "Content <image>?", from: "human", value: "Value <image>?" }
    expect(conversationOf([both], true)[0].content).toEqual([
      { type: "text", text: "Content " },
      image,
      { type: "text", text: "?" },
    ])
    expect(conversationOf([both], true, false, "plain")[0].content).toEqual([
      image,
      { type: "text", text: "\nValue ?" },
    ])
    const otherRoles = { role: "assistant", content: "c", from: "human", value: "v" }
    expect(conversationOf([otherRoles], false)).toEqual([{ role: "assistant", content: "c" }])
    expect(conversationOf([{ ...otherRoles, role: "user", from: "gpt" }], false), "dropped by its from").toEqual([])
  })

  it("takes the other kind where one is not whole", () => {
    const value = { from: "human", value: "v" }
    for (const turn of [
      { ...value, role: "user" },
      { ...value, content: "c" },
      { ...value, role: null, content: null },
    ])
      expect(conversationOf([turn], false)).toEqual([{ role: "user", content: "v" }])
    const content = { role: "user", content: "c", from: null, value: null }
    expect(conversationOf([content], false)).toEqual([{ role: "user", content: "c" }])
    expect(conversationOf([content], false, false, "plain")).toEqual([{ role: "user", content: "c" }])
    expect(() => conversationOf([{ role: "user", value: "v" }], false)).toThrow('"role" but no "content"')
    expect(() => conversationOf([{ from: "human", content: "c" }], false)).toThrow('"content" but no "role"')
  })

  it("drops an opening answer and a leftover of public data", () => {
    expect(conversationOf([{ from: "gpt", value: "Hi" }, ...turns], false).map(({ role }) => role)).toEqual([
      "user",
      "assistant",
    ])
    expect(content("QA_GT_caption_based_noisyDescribe.", false)).toBe("Describe.")
  })
})
