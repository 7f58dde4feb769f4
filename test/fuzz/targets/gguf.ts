/** GGUF files: lengths, types and counts of the header, metadata of the wrong kind, bytes anywhere. */

import { readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { openGgufModel } from "../../../src/checkpoint/gguf/model.js"
import { readWeights } from "../../../src/checkpoint/gguf/weights.js"
import type { Random } from "../../../src/data/prng.js"
import { Tokenizer } from "../../../src/text/tokenizer/tokenizer.js"
import { type GgufParts, ggufBytes, numbers, type TensorPart, type Typed, texts, tinyGguf } from "../../support/gguf.js"
import { acceptedAsItIs } from "../accepted.js"
import { mutateBytes } from "../mutate/bytes.js"
import { placeOddFile } from "../mutate/file.js"
import type { Mutated } from "../mutate/json.js"
import { below, oddNumber, oddString, pick } from "../mutate/values.js"
import { type Fuzzer, Nonsense } from "../target.js"

const FIXTURE = resolve(import.meta.dirname, "../../fixtures/gguf/llama.gguf")
const LARGE = [0n, 1n, 2n ** 16n, 2n ** 31n, 2n ** 32n, 2n ** 40n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]

/** Opens a model as whoever loads it does: configuration, tokenizer with a text, all weights. */
function use(file: string): void {
  const { config, tokenizer, weights } = openGgufModel(file)
  const { definition, config: settings } = tokenizer()
  const ids = new Tokenizer(definition, settings).encode("The 12 ab's\n\n é")
  if (ids.some((id) => !Number.isInteger(id))) throw new Nonsense("ids that are no numbers")
  for (const [name, { tensor, rowOrder }] of weights) {
    const out = new Float32Array(tensor.shape.reduce((product, size) => product * size, 1))
    readWeights(tensor, out, rowOrder)
    if (name === "model.embed_tokens.weight" && tensor.shape[0] !== config.vocab_size)
      throw new Nonsense(`${tensor.shape[0]} tokens for ${config.vocab_size}`)
  }
}

function oddTyped(random: Random): Typed {
  switch (below(random, 10)) {
    case 0:
      return ["string", oddString(random)]
    case 1:
      return ["bool", random() < 0.5]
    case 2:
      return ["u64", pick(random, LARGE)]
    case 3:
      return ["i64", -pick(random, LARGE.slice(0, 7))]
    case 4:
      return ["f64", oddNumber(random)]
    case 5:
      return ["f32", pick(random, [Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 1e-40, 0.5])]
    case 6:
      return texts(Array.from({ length: below(random, 9) }, () => oddString(random)))
    case 7:
      return numbers("i32", [below(random, 9), -1, 2 ** 31 - 1].slice(below(random, 4)))
    case 8:
      return ["list", "list", [numbers("f32", [1]), ["list", "bool", [["bool", true]]]]]
    default:
      return ["u32", pick(random, [0, 1, 2, 3, 5, 7, 255, 65_536, 2 ** 31, 2 ** 32 - 1])]
  }
}

/** Changes in the words of the format. */
function mutateParts(random: Random, parts: GgufParts): [GgufParts, string] {
  const metadata = { ...parts.metadata }
  const key = pick(random, Object.keys(metadata))
  const tensors: TensorPart[] = parts.tensors.map((tensor) => ({ ...tensor }))
  const at = below(random, tensors.length)
  const tensor = tensors[at]
  const changed = { ...parts, metadata, tensors }
  switch (below(random, 9)) {
    case 0:
      delete metadata[key]
      return [changed, `without ${key}`]
    case 1:
      return [{ ...changed, tensorCount: pick(random, LARGE) }, "number of tensors"]
    case 2:
      return [{ ...changed, metadataCount: pick(random, LARGE) }, "number of metadata"]
    case 3:
      tensors[at] = { ...tensor, type: pick(random, [1, 2, 3, 6, 7, 8, 10, 12, 13, 14, 16, 26, 30, 99, 2 ** 32 - 1]) }
      return [changed, `${tensor.name} of type ${tensors[at].type}`]
    case 4:
      tensors[at] = { ...tensor, shape: [...tensor.shape.slice(below(random, 2)), pick(random, LARGE)] }
      return [changed, `${tensor.name} of shape ${tensors[at].shape}`]
    case 5:
      tensors[at] = { ...tensor, offset: pick(random, LARGE) }
      return [changed, `${tensor.name} at ${tensors[at].offset}`]
    case 6:
      tensors[at] = {
        ...tensor,
        name: pick(random, ["rope_freqs.weight", "output.weight", "blk.9.attn_q.weight", oddString(random)]),
      }
      return [changed, `${tensor.name} as ${JSON.stringify(tensors[at].name.slice(0, 40))}`]
    case 7: {
      const extra = pick(random, [
        "split.count",
        "general.alignment",
        ...Object.keys(metadata).map((name) => name.replace("block_count", "rope.scaling.type")),
      ])
      metadata[extra] = oddTyped(random)
      return [changed, `${extra} is of type ${metadata[extra][0]}`]
    }
    default:
      metadata[key] = oddTyped(random)
      return [changed, `${key} is of type ${metadata[key][0]}`]
  }
}

export async function prepare(base: string): Promise<Fuzzer> {
  const models = ["llama", "qwen2", "qwen3", "smollm3"].map((architecture) => tinyGguf(architecture))
  const fixture = readFileSync(FIXTURE)
  const path = join(base, "model.gguf")
  for (const bytes of [fixture, ...models.map(ggufBytes)])
    await acceptedAsItIs("a GGUF file", () => {
      writeFileSync(path, bytes)
      use(path)
    })
  const mutated = (random: Random): Mutated => {
    if (random() < 0.35) return mutateBytes(random, random() < 0.5 ? fixture : ggufBytes(pick(random, models)))
    const [parts, what] = mutateParts(random, pick(random, models))
    const bytes = ggufBytes(parts)
    if (random() < 0.85) return { bytes, what }
    const more = mutateBytes(random, bytes)
    return { bytes: more.bytes, what: `${what}; ${more.what}` }
  }
  return {
    async run({ random, folder, note }) {
      const file = join(folder, "model.gguf")
      if (random() < 0.03) note(placeOddFile(random, file))
      else {
        const { bytes, what } = mutated(random)
        note(what)
        writeFileSync(file, bytes)
      }
      use(file)
    },
  }
}
