/** Weights as torch saves them: the archive and its directory, the pickle's instructions, the storages. */

import { readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { readTorchFile } from "../../../src/checkpoint/pickle/torch-file.js"
import { bytesOf } from "../../../src/checkpoint/tensor-view.js"
import type { Random } from "../../../src/data/prng.js"
import { acceptedAsItIs } from "../accepted.js"
import { type Mutated, mutateBytes } from "../mutate/bytes.js"
import { placeOddFile } from "../mutate/file.js"
import { below, pick } from "../mutate/values.js"
import { type Fuzzer, Nonsense } from "../target.js"

const FIXTURES = resolve(import.meta.dirname, "../../fixtures/pickle")
const FILES = ["zip.bin", "zip-protocol-4.bin", "legacy.bin", "module.bin", "nested.pth", "two.pth"]

/** Instructions that mean something, and some that must not. */
const INSTRUCTIONS = [
  ".",
  "(",
  "0",
  "1",
  "2",
  "N",
  "J",
  "K",
  "M",
  "G",
  "X",
  "T",
  "U",
  "]",
  "a",
  "e",
  ")",
  "t",
  "}",
  "s",
  "u",
  "h",
  "q",
  "c",
  "R",
  "b",
  "Q",
  "\x81",
  "\x93",
  "\x8a",
  "o",
  "i",
]

function use(file: string): void {
  for (const [name, view] of readTorchFile(file)) {
    const bytes = bytesOf(view)
    const elements = view.shape.reduce((product, size) => product * size, 1)
    if (elements === 0 ? bytes.length !== 0 : bytes.length % elements !== 0)
      throw new Nonsense(`${name} has ${bytes.length} bytes for ${elements} elements`)
  }
}

/** Instructions in places where others stood; names that stand for something else. */
function mutatePickle(random: Random, source: Buffer): Mutated {
  const text = source.toString("latin1")
  const names = ["torch._utils", "collections", "FloatStorage", "storage", "cpu", "_rebuild_tensor_v2"]
  const name = pick(random, names)
  if (random() < 0.3 && text.includes(name)) {
    const other = pick(random, ["os.system_xx", "builtins.eva", name.toUpperCase(), names[0]])
      .padEnd(name.length)
      .slice(0, name.length)
    return { bytes: Buffer.from(text.replace(name, other), "latin1"), what: `${name} is ${JSON.stringify(other)}` }
  }
  const bytes = Buffer.from(source)
  const start = Math.max(0, text.indexOf("\x80\x02"))
  const changes = Array.from({ length: 1 + below(random, 4) }, () => {
    const at = start + below(random, Math.min(1500, bytes.length - start))
    bytes[at] = pick(random, INSTRUCTIONS).charCodeAt(0)
    return `${at}: ${bytes[at].toString(16)}`
  })
  return { bytes, what: `instructions ${changes.join(", ")}` }
}

export async function prepare(_base: string): Promise<Fuzzer> {
  const sources = FILES.map((name) => join(FIXTURES, name))
  for (const source of sources) await acceptedAsItIs(source, () => use(source))
  return {
    async run({ random, folder, note }) {
      const file = join(folder, "pytorch_model.bin")
      if (random() < 0.03) note(placeOddFile(random, file))
      else {
        const source = readFileSync(pick(random, sources))
        const { bytes, what } = random() < 0.5 ? mutateBytes(random, source) : mutatePickle(random, source)
        note(what)
        writeFileSync(file, bytes)
      }
      use(file)
    },
  }
}
