import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { ChatTemplate } from "./chat-template.js"

const root = mkdtempSync(join(tmpdir(), "dvl-template-"))
afterAll(() => rmSync(root, { recursive: true }))

const folderWith = (files: Record<string, string>): string => {
  const folder = mkdtempSync(join(root, "model-"))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  return folder
}
const hello = [{ role: "user", content: "hello" }] as const

it("finds the template in each place a model keeps it, the newest kind first", () => {
  const config = JSON.stringify({
    bos_token: { content: "<s>" },
    eos_token: null,
    chat_template: [
      { name: "tools", template: "wrong" },
      { name: "default", template: "{{ bos_token }}config {{ messages[0].content }}" },
    ],
  })
  const json = JSON.stringify({ chat_template: "{{ bos_token }}json {{ messages[0].content }}" })
  const render = (files: Record<string, string>): string | undefined =>
    ChatTemplate.load(folderWith(files))?.render(hello)
  expect(render({ "tokenizer_config.json": config })).toBe("<s>config hello")
  expect(render({ "tokenizer_config.json": config, "chat_template.json": json })).toBe("<s>json hello")
  expect(render({ "chat_template.json": json, "chat_template.jinja": "jinja {{ messages[0].content }}" })).toBe(
    "jinja hello",
  )
  expect(render({ "tokenizer_config.json": "{}" })).toBeUndefined()
  expect(render({})).toBeUndefined()
})

it("adds the header of the answer only when asked", () => {
  const template = new ChatTemplate("{% if add_generation_prompt %}go{% endif %}")
  expect(template.render(hello)).toBe("go")
  expect(template.render(hello, { addGenerationPrompt: false })).toBe("")
})

it("says which file is broken and what the template refuses", () => {
  expect(() => ChatTemplate.load(folderWith({ "chat_template.json": "{" }))).toThrow(/not a JSON file/)
  expect(() => ChatTemplate.load(folderWith({ "chat_template.jinja": "{% if %}" }))).toThrow(/cannot be parsed/)
  const folder = folderWith({})
  execFileSync("mkfifo", [join(folder, "chat_template.jinja")])
  expect(() => ChatTemplate.load(folder)).toThrow(/it is a pipe or a device, not a file/)
  expect(() => new ChatTemplate("{{ raise_exception('roles must alternate') }}").render(hello)).toThrow(/alternate/)
})

it("tells no words of the engine or of the library's own types", () => {
  const broken = ['{{ nothing("a") }}', "{% for x in nothing.of.it %}{% endfor %}", "{{ nothing ~ [] * 2 }}"]
  for (const template of broken)
    expect(() => new ChatTemplate(template).render([]), template).toThrow(/it uses a value that is not there, or not/)
  const list = folderWith({ "chat_template.json": JSON.stringify({ chat_template: [null, { name: "default" }] }) })
  expect(ChatTemplate.load(list)).toBe(undefined)
})

it("stops a template that does not end, in a sentence", () => {
  const refused = (source: string) => expect(() => new ChatTemplate(source).render(hello))
  refused("{% for i in range(1000000000) %}{% endfor %}").toThrow(/a range of it has more than 100000 numbers/)
  const loops = "{% for i in range(99999) %}".repeat(3) + "{% endfor %}".repeat(3)
  refused(loops).toThrow(/does not end within 3 s/)
  expect(new ChatTemplate("{% for i in range(1, 7, 2) %}{{ i }}{% endfor %}").render(hello)).toBe("135")
  expect(new ChatTemplate("{% for i in range(3, 0, -1) %}{{ i }}{% endfor %}").render(hello)).toBe("321")
  const nested = folderWith({ "chat_template.jinja": `{{ ${"(".repeat(50_000)}1${")".repeat(50_000)} }}` })
  expect(() => ChatTemplate.load(nested)).toThrow(/nests too deeply/)
}, 30_000)
