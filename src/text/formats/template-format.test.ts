/** Prompts and training turns of chat templates, against transformers. Made by test/fixtures/text/families. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { describe, expect, it, onTestFinished } from "vitest"
import { encodePrompt, IGNORE, IMAGE, type Message } from "../conversation.js"
import { Tokenizer } from "../tokenizer/tokenizer.js"
import { ChatTemplate } from "./chat-template.js"
import { PlainFormat, plainPrompt } from "./plain-format.js"
import { SPACE } from "./python-strings.js"
import { TemplateFormat } from "./template-format.js"

interface Golden {
  kind: string
  template: string
  messages: (Message & { content: string })[]
  variables: Record<string, unknown>
  prompt: number[]
  whole: number[]
  mask?: number[]
}

const fixtures = join(import.meta.dirname, "..", "..", "..", "test", "fixtures", "text")
const read = (name: string): string => readFileSync(join(fixtures, "families", name), "utf8")
const golden: Golden[] = JSON.parse(read("templates.json"))
const pairs = [...new Set(golden.map(({ kind, template }) => `${kind} ${template}`))]

const tokenizers = new Map<string, { tokenizer: Tokenizer; config: Record<string, unknown> }>()
function formatOf(kind: string, template: string): TemplateFormat {
  const known = tokenizers.get(kind)
  const { definition, config } = known ? { definition: {}, config: known.config } : JSON.parse(read(`${kind}.json`))
  const tokenizer = known?.tokenizer ?? new Tokenizer(definition, config)
  tokenizers.set(kind, { tokenizer, config })
  return new TemplateFormat(new ChatTemplate(read(`templates/${template}.jinja`), config), tokenizer)
}
const dialogue = (...texts: string[]): Message[] =>
  texts.map((content, i) => ({ role: i % 2 === 0 ? "user" : "assistant", content }))

/** The answers that are learned, as text. */
function answers(format: TemplateFormat, messages: Message[], variables?: Record<string, unknown>): string[] {
  const { ids, answers } = format.training(messages, { variables })
  return answers.map(({ start, end }) => format.tokenizer.decode(ids.subarray(start, end), { skipSpecial: false }))
}

describe.each(pairs)("%s", (pair) => {
  const [kind, template] = pair.split(" ")
  const format = formatOf(kind, template)
  const cases = golden.filter((g) => g.kind === kind && g.template === template)

  it("writes prompts and whole conversations as transformers does", () => {
    expect(cases.length).toBeGreaterThan(3)
    for (const { messages, variables, prompt, whole } of cases) {
      expect(Array.from(format.prompt(messages.slice(0, -1), { variables }))).toEqual(prompt)
      expect(Array.from(format.prompt(messages, { variables, addGenerationPrompt: false }))).toEqual(whole)
    }
  })

  it("finds the answers", () => {
    for (const { messages, variables, whole, mask } of cases) {
      const { ids, answer, labels, answerStart } = format.training(messages, { variables })
      expect(Array.from(ids)).toEqual(whole)
      if (mask) expect(Array.from(answer)).toEqual(mask)
      expect(Array.from(labels)).toEqual(whole.map((id, i) => (answer[i] === 1 ? id : IGNORE)))
      expect(answer[answerStart!]).toBe(1)
      if (mask) continue
      const space = new RegExp(`^${SPACE}+|${SPACE}+$`, "g")
      const said = messages.filter(({ role }) => role === "assistant").map(({ content }) => content.replace(space, ""))
      const found = answers(format, messages, variables)
      expect(found.length).toBe(said.length)
      for (const [i, text] of found.entries()) {
        // A token may hold the first character together with what stands before it.
        expect(text.includes(said[i]) || text.startsWith(said[i].slice(1)), `${text} | ${said[i]}`).toBe(true)
        expect(text).toMatch(/(<\/s>|<\|im_end\|>|<\|eot_id\|>|<\|endoftext\|>)$/)
      }
    }
  })

  it("makes no markup of what was typed", () => {
    const marks = [...format.tokenizer.specialTokens.keys(), "<tool_response>", "[INST]", "<|im_", "end|>", "</", "s>"]
    const texts = fc
      .array(fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom(...marks, " ", "\n", "<")), {
        minLength: 1,
        maxLength: 6,
      })
      .map((parts) => `a${parts.join("")}b`)
    const markup = (messages: Message[]) =>
      Array.from(format.prompt(messages)).filter(
        (id) => format.tokenizer.isAdded(id) && id !== format.tokenizer.id("<unk>"),
      )
    fc.assert(
      fc.property(texts, texts, texts, (first, answer, second) => {
        expect(markup(dialogue(first, answer, second))).toEqual(markup(dialogue("a", "b", "c")))
      }),
      { numRuns: 60 },
    )
  })
})

describe("typed markup", () => {
  const text = (format: TemplateFormat, messages: Message[], options = {}) =>
    Array.from(format.prompt(messages, { addGenerationPrompt: false, ...options }), (id) =>
      format.tokenizer.isAdded(id) ? `[${format.tokenizer.token(id)}]` : format.tokenizer.decode([id]),
    ).join("")

  it("is what the Qwen format makes of it, whatever was typed", () => {
    const folder = join(fixtures, "qwen-style")
    const tokenizer = Tokenizer.load(folder)
    const format = TemplateFormat.load(folder, tokenizer, "<|image_pad|>")!
    const pieces = fc.constantFrom(
      "<|im_end|>",
      "<|im_start|>",
      "the",
      " ",
      "\n",
      "é",
      "e\u0301",
      "<",
      "|im_end|>",
      "<|image_pad|>",
      "12",
    )
    const texts = fc.array(pieces, { maxLength: 8 }).map((list) => list.join(""))
    fc.assert(
      fc.property(texts, texts, texts, (...contents) => {
        const messages = dialogue(...contents)
        expect(format.prompt(messages)).toEqual(encodePrompt(messages, tokenizer, "qwen2_5_vl"))
      }),
    )
    const trusted = dialogue("a<|im_end|>b")
    expect(format.prompt(trusted, { special: true })).toEqual(
      encodePrompt(trusted, tokenizer, "qwen2_5_vl", { special: true }),
    )
  })

  it("has a place for each image, and for no other", () => {
    const folder = join(fixtures, "qwen-style")
    const tokenizer = Tokenizer.load(folder)
    const content: Message["content"] = [{ type: "image" }, { type: "text", text: "what? <|image_pad|>" }]
    const messages: Message[] = [{ role: "user", content }]
    const format = TemplateFormat.load(folder, tokenizer, "<|image_pad|>")!
    const ids = format.prompt(messages)
    expect(ids).toEqual(encodePrompt(messages, tokenizer, "qwen2_5_vl"))
    expect(ids.filter((id) => id === IMAGE).length).toBe(1)
    expect(() => format.prompt(messages, { special: true })).toThrow(/writes 2 of its image token .* for 1 images/)
    expect(() => formatOf("llama3", "chatml").prompt(messages)).toThrow(/no place for images/)
  })

  it("stays text where a template looks for it in answers, and the template's own stays markup", () => {
    const format = formatOf("llama3", "thinking")
    const messages = dialogue(
      "say <think>",
      "<think>\nhm <|im_end|>\n</think>\n\nyes <|eot_id|>",
      "and </think>?",
      "<think>\nso\n</think>\n\nno",
    )
    expect(text(format, messages)).toBe(
      "[<|im_start|>]user\nsay <think>[<|im_end|>]\n[<|im_start|>]assistant\nyes <|eot_id|>[<|im_end|>]\n" +
        "[<|im_start|>]user\nand </think>?[<|im_end|>]\n[<|im_start|>]assistant\n[<think>]\nso\n[</think>]\n\nno[<|im_end|>]\n",
    )
    expect(answers(format, messages)).toEqual(["yes <|eot_id|><|im_end|>", "<think>\nso\n</think>\n\nno<|im_end|>"])
  })

  it("is markup in trusted text", () => {
    const format = formatOf("llama3", "chatml")
    expect(text(format, dialogue("a<|eot_id|>"))).toContain("a<|eot_id|>[<|im_end|>]")
    expect(text(format, dialogue("a<|eot_id|>"), { special: true })).toContain("a[<|eot_id|>][<|im_end|>]")
  })

  it("takes parts that are all text as one text, and uses characters of private areas as they are", () => {
    const format = formatOf("llama3", "chatml")
    const parts: Message[] = [
      { role: "user", content: ["a<|eot", "_id|>\ue000b"].map((text) => ({ type: "text", text })) },
    ]
    expect(format.prompt(parts)).toEqual(format.prompt(dialogue("a<|eot_id|>\ue000b")))
    expect(text(format, parts)).toContain("a<|eot_id|>")
    expect(format.tokenizer.decode(format.prompt(parts))).toContain("\ue000b")
  })
})

describe("answers", () => {
  const format = (source: string): TemplateFormat =>
    new TemplateFormat(new ChatTemplate(source, { eos_token: "<|eot_id|>" }), formatOf("llama3", "chatml").tokenizer)
  const loop = (answer: string) =>
    `{% for m in messages %}{% if m.role == 'user' %}Q: {{ m.content }}\nA:{% else %}${answer}{% endif %}{% endfor %}`

  it("end with the first special token behind them, or with all that follows where there is none", () => {
    expect(answers(format(loop(" {{ m.content }}{{ eos_token }}\n")), dialogue("a", "b", "c", "d"))).toEqual([
      " b<|eot_id|>",
      " d<|eot_id|>",
    ])
    expect(answers(format(loop(" {{ m.content }}\n\n")), dialogue("a", "b", "c", "d"))).toEqual([" b\n\n", " d\n\n"])
  })

  it("have an end of their own, where it is a special token", () => {
    expect(formatOf("llama3", "chatml").end).toBe(formatOf("llama3", "chatml").tokenizer.id("<|im_end|>"))
    expect(format(loop(" {{ m.content }}\n")).end).toBeUndefined()
  })

  it("leave a typed end mark inside", () => {
    const typed = dialogue("a", "b<|eot_id|>c")
    expect(answers(format(loop(" {{ m.content }}{{ eos_token }}")), typed)).toEqual([" b<|eot_id|>c<|eot_id|>"])
  })

  it("may be empty or white space, for templates that trim them as well", () => {
    const trims = format(loop(" {{ m.content | trim }}{{ eos_token }}"))
    expect(answers(trims, dialogue("a", " \n", "b", ""))).toEqual([" <|eot_id|>", " <|eot_id|>"])
    expect(answers(formatOf("llama3", "chatml"), dialogue("a", " \n"))).toEqual([" \n<|im_end|>"])
  })

  it("are refused where they cannot be told apart", () => {
    expect(() => format("{% for m in messages %}{{ m.content | upper }}{% endfor %}").training([])).toThrow(/no answer/)
    const drops = format("{% for m in messages %}{% if loop.last %}{{ m.content }}{% endif %}{% endfor %}")
    expect(() => drops.training(dialogue("a", "b", "c", "d"))).toThrow(/cannot be told apart: it changes the answers/)
    const reversed = format("{% for m in messages[::-1] %}{{ m.role ~ ': ' ~ m.content ~ eos_token }}{% endfor %}")
    expect(() => reversed.training(dialogue("a", "b", "c", "d"))).toThrow(/not clear where answer 1 begins/)
    const unmarked = format("{% for m in messages %}{{ m.content }}{% endfor %}{% generation %}{% endgeneration %}")
    expect(() => unmarked.training(dialogue("a", "b"))).toThrow(/marks no text of this conversation/)
  })
})

it("says that a folder has no template, and begins plain text as the tokenizer does", () => {
  const folder = mkdtempSync(join(tmpdir(), "dvl-template-"))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const { tokenizer } = formatOf("llama2", "lines")
  expect(TemplateFormat.load(folder, tokenizer)).toBeUndefined()
  const the = [tokenizer.id("<s>"), ...tokenizer.encode("the")]
  expect(Array.from(plainPrompt("the", tokenizer))).toEqual(the)
  const plain = new PlainFormat(tokenizer, folder)
  expect(Array.from(plain.prompt([{ role: "user", content: [{ type: "text", text: "the" }] }]))).toEqual(the)
  for (const refused of [dialogue("the", "a", "b"), [{ role: "system" as const, content: "be" }, ...dialogue("the")]])
    expect(() => plain.prompt(refused)).toThrow(/no chat template/)
  expect(() => plain.training()).toThrow(/no chat template/)
})

it("passes on what a template refuses", () => {
  const swapped: Message[] = [{ role: "assistant", content: "a" }]
  expect(() => formatOf("llama2", "inst-sys").prompt(swapped)).toThrow(
    /refuses the conversation: user and assistant must take turns/,
  )
})
