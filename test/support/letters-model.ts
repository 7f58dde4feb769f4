/** A tiny random Llama that reads characters, one token each, and speaks ChatML by its chat template. */

import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { normaliseConfig } from "../../src/models/read-config.js"
import { initialiseWeights } from "../../src/models/registry.js"
import { saveModel } from "../../src/models/save.js"
import { noGrad } from "../../src/torch/index.js"
import { SMALL_FAMILIES } from "./small-families.js"

const TEMPLATE =
  "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

/** Its answers end after a few characters. */
export async function writeLettersModel(folder: string): Promise<void> {
  const letters = ["\n", ...Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i))]
  const marks = ["<|im_start|>", "<|im_end|>"]
  const [start, end] = marks.map((_, i) => letters.length + i)
  const config = normaliseConfig({
    ...SMALL_FAMILIES.llama,
    vocab_size: letters.length + marks.length,
    mask_token_id: undefined,
    bos_token_id: start,
    eos_token_id: end,
    max_position_embeddings: 1024,
  })
  const parameters = initialiseWeights(config, 3, { std: 0.6, embeddingStd: 1 })
  // Where the end is likely at all, it is likelier than every letter.
  noGrad(() => parameters.get("lm_head.weight")?.narrow(0, end, 1).mul_(2))
  await saveModel(folder, { config, parameters })
  const write = (name: string, value: object): void => writeFileSync(join(folder, name), JSON.stringify(value))
  write("tokenizer.json", {
    added_tokens: marks.map((content, i) => ({ id: letters.length + i, content, special: true })),
    model: { type: "BPE", vocab: Object.fromEntries(letters.map((letter, i) => [letter, i])), merges: [] },
  })
  write("tokenizer_config.json", { chat_template: TEMPLATE, eos_token: "<|im_end|>" })
}
