import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { ChatTemplate } from "./chat-template.js"
import { strftime } from "./python-strings.js"

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

it("takes the only template of a list, and says which there are where none is the default", () => {
  const list = (...names: string[]) =>
    folderWith({
      "chat_template.json": JSON.stringify({ chat_template: names.map((name) => ({ name, template: name })) }),
    })
  expect(ChatTemplate.load(list("rag"))?.render([])).toBe("rag")
  expect(() => ChatTemplate.load(list("rag", "tool_use"))).toThrow(/several chat templates \(rag, tool_use\), and none/)
})

it("knows the special tokens that are set, from the older file as well, and no others", () => {
  const folder = folderWith({
    "special_tokens_map.json": JSON.stringify({ bos_token: { content: "<s>" }, eos_token: "</s>" }),
    "tokenizer_config.json": JSON.stringify({ eos_token: "<end>", pad_token: null, add_bos_token: true }),
    "chat_template.jinja": "{{ bos_token }}{{ eos_token }}{{ pad_token is defined }}{{ add_bos_token is defined }}",
  })
  expect(ChatTemplate.load(folder)?.render([])).toBe("<s><end>FalseFalse".toLowerCase())
})

it("has Python's string methods, equality and dates", () => {
  const value = (expression: string, variables = {}) =>
    new ChatTemplate(`{{ ${expression} }}`).render([], { variables })
  expect(value("'\\n a\\n'.lstrip('\\n') ~ '|'")).toBe(" a\n|")
  expect(value("'xxaxx'.strip('x') ~ 'xxaxx'.rstrip('x')")).toBe("axxa")
  const odd = { a: "\ufeff a \x1f\x85" }
  expect(value("(a | trim) ~ '|' ~ a.strip() ~ '|' ~ a.lstrip()", odd)).toBe("\ufeff a|\ufeff a|\ufeff a \x1f\x85")
  expect(value("'a b  c'.split() | join(',')")).toBe("a,b,c")
  expect(value("'a,b,c'.split(',', 1)[1] ~ 'hELLO'.capitalize()")).toBe("b,cHello")
  expect(value("'abc'.removeprefix('a') ~ 'abc'.removesuffix('c') ~ 'abc'.find('c')")).toBe("bcab2")
  expect(value("'a b c'.rsplit(' ', 1) | join('|')")).toBe("a b|c")
  expect(value("'a-wOrd'.title() ~ 'abca'.count('a') ~ 'abc'.index('c') ~ '+'.join(['x', 'y'])")).toBe("A-Word22x+y")
  expect(value("(text | length) ~ ([1, 2] | length) ~ (nothing | length)", { text: "👍a" })).toBe("220")
  const loops = "{% for x in nothing %}x{% else %}none{% endfor %}{% for x in [1, 2, 3] if x != 2 %}{{ x }}{% endfor %}"
  expect(new ChatTemplate(loops).render([])).toBe("none13")
  const same = { a: { b: [1, "x"] }, c: { b: [1, "x"] }, d: { b: [1] } }
  expect(value("a == c and a != d and '' != false and 1 == true and none != false", same)).toBe("true")
  const now = new Date(2025, 2, 5, 14, 7, 9)
  expect(strftime(now, "%d %b %Y|%-d %B %y|%A %a|%H:%M:%S %I %p|%F|%%d %Q")).toBe(
    "05 Mar 2025|5 March 25|Wednesday Wed|14:07:09 02 PM|2025-03-05|%d %Q",
  )
  expect(value("strftime_now('%Y')")).toBe(String(new Date().getFullYear()))
})

it("writes marks around what is generated only when asked, and leaves white space as the tags have it", () => {
  const template = new ChatTemplate("a\n  {% generation %}\nb\n  {%- endgeneration -%}\n c")
  expect(template.marksAnswers).toBe(true)
  expect(template.render([])).toBe("a\nbc")
  expect(template.render([], { generation: { start: "[", end: "]" } })).toBe("a\n[b]c")
})

it("passes on what a template says, whatever words it uses, and stops one that writes without end", () => {
  expect(() => new ChatTemplate("{{ raise_exception('role is undefined') }}").render([])).toThrow(
    /: role is undefined$/,
  )
  const doubles = `{% set ns = namespace(x='a') %}{% for i in range(26) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}`
  expect(() => new ChatTemplate(doubles).render([])).toThrow(/writes too much/)
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
