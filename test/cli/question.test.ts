/** Where the question comes from when it is no argument; what decided an answer, for people. */

import { PassThrough, Readable } from "node:stream"
import { describe, expect, it } from "vitest"
import { decodingNotes, decodingOptions, readQuestion } from "../../src/cli/answer/generate.js"
import { createProgram } from "../../src/cli/main.js"
import { DecodingReport } from "../../src/paradigms/decoding-report.js"

const WAITING = "reading the question from standard input; end with Ctrl-D\n"

function terminal() {
  let told = ""
  const output = { isTTY: true, write: (text: string) => (told += text) }
  return { output, told: () => told }
}

describe("the question from standard input", () => {
  it("on a terminal it says that it waits, before anything is typed", async () => {
    const { output, told } = terminal()
    const input = Object.assign(new PassThrough(), { isTTY: true })
    const question = readQuestion(false, { input, output })
    expect(told()).toBe(WAITING)
    input.end("What is it?\n")
    expect(await question).toBe("What is it?")
  })
  it("does not wait for one when there is a picture", async () => {
    const { output, told } = terminal()
    expect(await readQuestion(true, { input: Object.assign(new PassThrough(), { isTTY: true }), output })).toBe("")
    expect(told()).toBe("")
  })
  it("of a pipe that is there nobody is told", async () => {
    const { output, told } = terminal()
    expect(await readQuestion(true, { input: Readable.from(["Who", "?"]), output })).toBe("Who?")
    expect(told()).toBe("")
  })
})

describe("options of decoding", () => {
  const parsed = (...args: string[]) => {
    const command = createProgram().commands.find((one) => one.name() === "generate")
    if (!command) throw new Error("there is no generate")
    command.exitOverride().configureOutput({ writeErr: () => {} })
    command.action(() => {})
    command.parse(args, { from: "user" })
    return decodingOptions(command.opts())
  }
  it("are all handed on, and nothing that was not given", () => {
    expect(Object.entries(parsed()).filter(([, value]) => value !== undefined)).toEqual([["generationConfig", true]])
    const words =
      "--repetition-penalty 1.1 --no-repeat-ngram-size 3 --min-p 0.1 --typical-p 0.5 --min-tokens 2 --temperature 1e-6"
    expect(parsed(...words.split(" "), "--no-generation-config")).toMatchObject({
      repetitionPenalty: 1.1,
      noRepeatNgramSize: 3,
      minP: 0.1,
      typicalP: 0.5,
      minTokens: 2,
      temperature: 1e-6,
      generationConfig: false,
    })
  })
  it.each([
    ["--temperature", "1e-38"],
    ["--temperature", "1e300"],
    ["--temperature", "-1"],
    ["--repetition-penalty", "0"],
    ["--repetition-penalty", "1e-320"],
    ["--max-tokens", "1e12"],
    ["--max-tokens", "9007199254740993"],
    ["--seed", "-1"],
    ["--min-p", "2"],
  ])("%s %s is refused", (option, value) => {
    expect(() => parsed(option, value)).toThrow(/It must be/)
  })
})

describe("what decided an answer", () => {
  const report = new DecodingReport()
  report.choose("maxTokens", [["option", 5]])
  report.leaveOut("top_k", 3, "generation_config.json", "nothing is drawn")
  report.leaveOut("num_beams", 4, "generation_config.json", "there is no beam search", true)
  it("without --debug only what transformers would have done otherwise", () => {
    expect(decodingNotes(report)).toBe(
      "note: num_beams 4 of generation_config.json is not applied: there is no beam search\n",
    )
  })
  it("with --debug all of it", () => {
    expect(decodingNotes(report, true).split("\n")).toEqual([
      "decoding: maxTokens 5 (option)",
      "decoding: not applied: top_k 3 (generation_config.json): nothing is drawn",
      "decoding: not applied: num_beams 4 (generation_config.json): there is no beam search",
      "",
    ])
  })
})
