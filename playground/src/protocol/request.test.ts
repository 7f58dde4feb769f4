import { expect, test } from "vitest"
import { choiceFits, fieldProblem, NO_CHOICE, NUMBER_FIELDS } from "./choice.js"
import type { ServedModel } from "./contract.js"
import { requestOf } from "./request.js"

const picture = { name: "cat.png", url: "data:image/png;base64,AA==", width: 1, height: 1 }
const model: ServedModel = {
  id: "m",
  diffusion: {
    paradigm: "block-diffusion",
    images: true,
    default: {},
    modes: ["block-diffusion", "autoregressive"],
    ready: true,
  },
}
const choice = { ...NO_CHOICE, model: "m", threshold: "0.6", blockSize: "8", temperature: "0", remasking: "random" }

/** As it travels: what is undefined is not there. */
const sent = (...args: Parameters<typeof requestOf>) => JSON.parse(JSON.stringify(requestOf(...args)))

test("a first question: numbers as numbers, empty fields left out", () => {
  const request = sent(choice, model, { system: " ", before: [], question: { text: "Hi", pictures: [] } })
  expect(request).toEqual({
    model: "m",
    temperature: 0,
    messages: [{ role: "user", content: "Hi" }],
    stream: true,
    stream_options: { include_usage: true },
    diffusion: { block_size: 8, threshold: 0.6, remasking: "random", events: true },
  })
})

test("what is about blocks is not sent where none are denoised", () => {
  const question = { text: "Hi", pictures: [] }
  const { diffusion } = sent({ ...choice, mode: "autoregressive" }, model, { system: "", before: [], question })
  expect(diffusion).toEqual({ mode: "autoregressive", events: true })
})

test("a conversation: system message, earlier turns, pictures before the text", () => {
  const { messages } = sent(choice, model, {
    system: "Be brief.",
    before: [{ question: { text: "What?", pictures: [picture] }, answer: "a cat" }],
    question: { text: "Sure?", pictures: [] },
  })
  expect(messages).toEqual([
    { role: "system", content: "Be brief." },
    {
      role: "user",
      content: [
        { type: "image_url", image_url: { url: picture.url } },
        { type: "text", text: "What?" },
      ],
    },
    { role: "assistant", content: "a cat" },
    { role: "user", content: "Sure?" },
  ])
})

test("numbers that do not fit are named before they are sent", () => {
  const [blockSize, , threshold] = NUMBER_FIELDS
  expect(fieldProblem(blockSize, " ")).toBeUndefined()
  expect(fieldProblem(blockSize, "8")).toBeUndefined()
  expect(fieldProblem(blockSize, "0")).toBe("It must be a whole number of at least 1.")
  expect(fieldProblem(blockSize, "1.5")).toBe("It must be a whole number of at least 1.")
  expect(fieldProblem(threshold, "1.2")).toBe("It must be a number between 0 and 1.")
  expect(fieldProblem(threshold, "high")).toBe("It must be a number between 0 and 1.")
  expect(choiceFits(choice)).toBe(true)
  expect(choiceFits({ ...choice, steps: "x" })).toBe(false)
})
