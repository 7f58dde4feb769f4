/** Models with a chat template of their own, in a folder or a GGUF file: template and metadata broken, prompted and trained. */

import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { chatFormatOf } from "../../../src/models/chat-format.js"
import { encodeTraining, IGNORE, type Message } from "../../../src/text/conversation.js"
import { TEMPLATE, writeSmallTextModel } from "../../support/small-text-model.js"
import { acceptedAsItIs } from "../accepted.js"
import { mutateBytes } from "../mutate/bytes.js"
import { mutateJson } from "../mutate/json.js"
import { pick } from "../mutate/values.js"
import { type Fuzzer, Nonsense } from "../target.js"
import { ask, linkModel } from "./small-model.js"

const CONVERSATION: Message[] = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "What colour is this? <|im_end|>" },
  { role: "assistant", content: "green" },
  { role: "user", content: "And this?" },
  { role: "assistant", content: "blue <|im_start|>" },
]

/** As a template may look: with marks, a loop over what is not there, a macro. */
const TEMPLATES = [
  TEMPLATE,
  "{%- set first = messages[0].content -%}{% for m in messages[1:] %}{% if m['role'] == 'assistant' %}{% generation %}{{ m.content | trim ~ eos_token }}{% endgeneration %}{% else %}[{{ m.content }}{{ first if loop.first else '' }}]{% endif %}{% endfor %}",
  "{% macro line(m) %}<|im_start|>{{ m.role | upper }}: {{ m.content.split('</think>')[-1].strip() }}<|im_end|>{% endmacro %}{% for m in messages %}{{ line(m) }}\n{% endfor %}{% if add_generation_prompt %}<|im_start|>ASSISTANT: {% endif %}",
]

async function use(source: string): Promise<void> {
  const { config, tokenizer, model } = await ask(source, undefined)
  const { ids, labels } = encodeTraining(CONVERSATION, tokenizer, chatFormatOf(config, source, tokenizer))
  if (labels.length !== ids.length || labels.every((label) => label === IGNORE))
    throw new Nonsense("nothing is learned")
  if (labels.some((label, i) => label !== IGNORE && label !== ids[i])) throw new Nonsense("labels that are no tokens")
  if (ids.some((id) => id < 0 || id >= Math.max(tokenizer.size, model.vocabSize))) throw new Nonsense("ids of nothing")
}

export async function prepare(base: string): Promise<Fuzzer> {
  const { folder: model, gguf } = await writeSmallTextModel(base)
  for (const source of [model, gguf]) await acceptedAsItIs(source, () => use(source))
  const bytes = readFileSync(gguf)
  const config = JSON.parse(readFileSync(join(model, "tokenizer_config.json"), "utf8"))
  return {
    async run({ random, folder, note }) {
      const file = pick(random, ["model.gguf", "tokenizer_config.json", "chat_template.jinja"])
      const mutated =
        file === "tokenizer_config.json"
          ? mutateJson(random, config)
          : mutateBytes(random, file === "model.gguf" ? bytes : Buffer.from(pick(random, TEMPLATES)))
      note(`${file}: ${mutated.what}`)
      const path = join(folder, file)
      if (file !== "model.gguf") linkModel(model, folder, file)
      writeFileSync(path, mutated.bytes)
      await use(file === "model.gguf" && random() < 0.5 ? path : folder)
    },
  }
}
