/** Weights: the header's JSON, its length, the bytes, and the index of shards. */

import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Random } from "../../../src/data/prng.js"
import { acceptedAsItIs } from "../accepted.js"
import { mutateBytes } from "../mutate/bytes.js"
import { placeOddFile } from "../mutate/file.js"
import { type Mutated, mutateJson, mutateText } from "../mutate/json.js"
import { below, pick } from "../mutate/values.js"
import type { Fuzzer } from "../target.js"
import { ask, linkModel, writeSmallModels } from "./small-model.js"

const CODES = [
  "BF16",
  "F16",
  "F32",
  "F64",
  "I8",
  "U8",
  "I64",
  "BOOL",
  "U16",
  "F8_E4M3",
  "F8_E5M2",
  "C64",
  "F4",
  "",
  "x",
]
const INDEX = "model.safetensors.index.json"

/** A file from a header and a body; the header's length need not be true. */
function assemble(header: Uint8Array, body: Uint8Array, length = BigInt(header.length)): Uint8Array {
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt.asUintN(64, length))
  return Buffer.concat([prefix, header, body])
}

interface Entry {
  dtype: unknown
  shape: unknown
  data_offsets: unknown
}

/** Changes that keep to the words of the format: types, shapes, offsets, names. */
function mutateHeader(random: Random, header: Record<string, Entry>): Mutated {
  const changed = structuredClone(header)
  const names = Object.keys(changed).filter((name) => name !== "__metadata__")
  const name = pick(random, names)
  const entry = changed[name]
  const other = changed[pick(random, names)]
  const done = (what: string): Mutated => ({ bytes: Buffer.from(JSON.stringify(changed)), what: `${name} ${what}` })
  switch (below(random, 6)) {
    case 0:
      entry.dtype = pick(random, CODES)
      return done(`of type ${entry.dtype}`)
    case 1:
      for (const name of names) changed[name].dtype = "F8_E4M3"
      return done("and all others in FP8")
    case 2:
      entry.shape = pick(random, [
        [],
        [0],
        [2 ** 31, 2 ** 31],
        [2 ** 53],
        [1, 1, 1, 1],
        [-1],
        (entry.shape as number[]).toReversed(),
      ])
      return done(`of shape [${entry.shape}]`)
    case 3:
      entry.data_offsets = pick(random, [[0, 0], [5, 4], [0, 2 ** 53], [-8, 0], [0], other.data_offsets])
      return done(`at [${entry.data_offsets}]`)
    case 4:
      delete changed[name]
      changed[pick(random, ["lm_head.weight", "model.x", "__proto__", "a\u0000b", "x".repeat(5000)])] = entry
      return done("renamed")
    default:
      Object.assign(changed, { __metadata__: pick<unknown>(random, [null, 1, [], { a: 1 }, { format: "pt" }, "x"]) })
      return done(`beside metadata ${JSON.stringify(changed.__metadata__)}`)
  }
}

/** Weights that are not numbers, or too large to compute with. */
function spoilWeights(random: Random, body: Buffer): string {
  const pattern = pick(random, [0x7fc0, 0x7f80, 0xff80, 0x7f7f, 0x0001])
  const start = random() < 0.3 ? 0 : 2 * below(random, body.length / 2)
  const end = random() < 0.3 ? body.length : Math.min(body.length, start + 2 * (1 << below(random, 12)))
  for (let at = start; at + 1 < end; at += 2) body.writeUInt16LE(pattern, at)
  return `weights from ${start} to ${end} are ${pattern.toString(16)}`
}

function mutateWeights(random: Random, file: Buffer): Mutated {
  const headerEnd = 8 + Number(file.readBigUInt64LE(0))
  const body = Buffer.from(file.subarray(headerEnd))
  const text = file.subarray(8, headerEnd)
  const json = JSON.parse(text.toString("utf8"))
  switch (below(random, 6)) {
    case 0: {
      const { bytes, what } = mutateJson(random, json)
      return { bytes: assemble(bytes, body), what }
    }
    case 1: {
      const { bytes, what } = mutateHeader(random, json)
      return { bytes: assemble(bytes, body), what }
    }
    case 2: {
      const length = pick(random, [
        0n,
        1n,
        2n ** 27n,
        2n ** 31n,
        2n ** 40n,
        2n ** 53n,
        2n ** 64n - 1n,
        BigInt(text.length + 1),
      ])
      return { bytes: assemble(text, body, length), what: `header length ${length}` }
    }
    case 3: {
      const what = spoilWeights(random, body)
      return { bytes: assemble(text, body), what }
    }
    case 4: {
      const more = random() < 0.5
      const changed = more ? Buffer.concat([body, Buffer.alloc(8)]) : body.subarray(0, below(random, body.length))
      return { bytes: assemble(text, changed), what: more ? "8 bytes more" : "weights cut off" }
    }
    default:
      return random() < 0.3 ? mutateText(random, "weights") : mutateBytes(random, file)
  }
}

/** Shards under other names, or names that are no files. */
function mutateIndex(random: Random, index: { weight_map: Record<string, unknown> }): Mutated {
  if (random() < 0.7) return mutateJson(random, index)
  const changed = structuredClone(index)
  const name = pick(random, Object.keys(changed.weight_map))
  const shard = pick<unknown>(random, [
    "../x",
    "/etc/hostname",
    "",
    ".",
    "a\u0000b",
    "x".repeat(300),
    "config.json",
    3,
    null,
  ])
  changed.weight_map[name] = shard
  return { bytes: Buffer.from(JSON.stringify(changed)), what: `${name} in ${JSON.stringify(shard)}` }
}

export async function prepare(base: string): Promise<Fuzzer> {
  const { folders, picture } = await writeSmallModels(base)
  const [plain, diffusion, sharded] = folders
  await acceptedAsItIs(sharded, () => ask(sharded, picture))
  return {
    async run({ random, folder, note }) {
      const source = random() < 0.3 ? sharded : pick(random, [plain, diffusion])
      const file = source === sharded ? INDEX : "model.safetensors"
      linkModel(source, folder, file)
      const path = join(folder, file)
      if (random() < 0.03) note(placeOddFile(random, path))
      else {
        const bytes = readFileSync(join(source, file))
        const mutated =
          source === sharded ? mutateIndex(random, JSON.parse(bytes.toString())) : mutateWeights(random, bytes)
        note(`${file}: ${mutated.what}`)
        writeFileSync(path, mutated.bytes)
      }
      await ask(folder, undefined)
    },
  }
}
