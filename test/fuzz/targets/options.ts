/** The command line with values that nobody meant. */

import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { demo } from "../../../examples/emoji/command.js"
import { type Commands, main } from "../../../src/cli/main.js"
import type { Random } from "../../../src/data/prng.js"
import { UserError } from "../../../src/errors.js"
import { fixtures } from "../../golden/command.js"
import { acceptedAsItIs } from "../accepted.js"
import { oddString, pick } from "../mutate/values.js"
import { oddSetting } from "../mutate/yaml.js"
import { type Fuzzer, Nonsense } from "../target.js"
import { type SmallModels, writeSmallModels } from "./small-model.js"

const NUMBERS = [
  "0",
  "-0",
  "-1",
  "1",
  "2",
  "7",
  "1000",
  "1e3",
  "1e9",
  "2147483648",
  "9007199254740993",
  "9".repeat(400),
  "1e400",
  "-1e400",
  "1e-38",
  "1e-320",
  "Infinity",
  "NaN",
  "0x10",
  "1_000",
  "1,5",
  "0.5",
  ".5",
  " 1",
  "１",
  "٣",
  "",
]
/** Names of files and folders; none that could be written to outside of the case. */
const NAMES = [
  " ",
  ".",
  "./",
  "x",
  "x/y",
  "a\u0000b",
  "n".repeat(300),
  "n/".repeat(3000),
  "🦓",
  "\ud800",
  "-",
  "--",
  "/dev/null/x",
  "/proc/none",
  "file",
  "file/x",
  "http://127.0.0.1:9/x",
  "file:///x",
  "data:,x",
  "org/name",
  "org/name@x",
  "%s",
  "\u001b[31m",
  "$HOME",
  "~x",
  "\n",
]
const CHOICES = [
  "",
  "auto",
  "cpu",
  "cuda",
  "mps",
  "float32",
  "bfloat16",
  "float16",
  "float64",
  "int8",
  "same",
  "next",
  "released",
  "converted",
  "low_confidence_static",
  "sequential_dynamic",
  "__proto__",
  "constructor",
  "a".repeat(9000),
]

type Kind = "number" | "name" | "choice" | "setting" | "text"
interface CommandLine {
  /** Where the command is a script of the repository. */
  program?: Commands
  /** What is right. */
  words: readonly string[]
  /** Options, and positions without a name, that may be given an odd value. */
  options: Record<string, Kind>
  arguments?: Record<number, Kind>
}

const DECODING: Record<string, Kind> = {
  "--max-tokens": "number",
  "--block-size": "number",
  "--steps": "number",
  "--threshold": "number",
  "--remasking": "choice",
  "--temperature": "number",
  "--top-k": "number",
  "--top-p": "number",
  "--seed": "number",
  "--dtype": "choice",
  "--device": "choice",
  "--model": "name",
  "--image": "name",
}

function commandLines({ folders, data, picture }: SmallModels, recipe: string): CommandLine[] {
  const ask = (model: string, ...more: string[]): CommandLine => ({
    words: ["generate", "What?", "--model", model, "--max-tokens", "2", "--dtype", "float32", ...more],
    options: DECODING,
    arguments: { 1: "text" },
  })
  const training: Record<string, Kind> = { "--set": "setting", "--out": "name" }
  return [
    ask(folders[0]),
    ask(folders[1], "--image", picture),
    ask(folders[1], "--json"),
    ask(folders[1], "--no-stream", "--temperature", "0.5"),
    {
      words: ["data", "check", data, "--model", folders[0], "--decode"],
      options: { "--limit": "number", "--image-root": "name", "--model": "name" },
      arguments: { 2: "name" },
    },
    {
      words: ["convert", folders[0], "--out", "out"],
      options: { "--layout": "choice", "--block-size": "number", "--shift": "choice", "--out": "name" },
      arguments: { 1: "name" },
    },
    { words: ["train", recipe, "--set", "train.max_steps=1"], options: training, arguments: { 1: "name" } },
    {
      words: ["translate", folders[0], "--recipe", recipe],
      options: { ...training, "--recipe": "name" },
      arguments: { 1: "name" },
    },
    { program: fixtures, words: ["fixtures", "nowhere"], options: { "--only": "text" }, arguments: { 1: "name" } },
    { words: ["bench", "nothing"], options: { "--tokens": "number", "--shape": "choice" }, arguments: { 1: "choice" } },
    { program: demo, words: ["demo", "--recipe", "nowhere.yaml"], options: training },
    { words: ["doctor", "--json"], options: {}, arguments: { 1: "text" } },
  ]
}

const SETTINGS = [
  "train.learning_rate",
  "train.micro_batch_size",
  "data.max_length",
  "data.min_pixels",
  "data.max_pixels",
  "model",
  "block_diffusion.block_size",
]

function oddWord(random: Random, kind: Kind): string {
  if (kind === "number") return random() < 0.9 ? pick(random, NUMBERS) : oddString(random)
  if (kind === "name") return pick(random, NAMES)
  if (kind === "setting") return oddSetting(random, SETTINGS)
  return random() < 0.5 ? pick(random, CHOICES) : oddString(random)
}

/** One or two odd words in a command line that is right. */
function oddCommandLine(random: Random, { words, options, arguments: positions = {} }: CommandLine): string[] {
  const changed = [...words]
  for (let times = random() < 0.8 ? 1 : 2; times > 0; times--) {
    const places = [...Object.keys(options), ...Object.keys(positions).map(Number)]
    const place = pick(random, places)
    const word = oddWord(random, typeof place === "string" ? options[place] : positions[place])
    if (typeof place === "number") changed[place] = word
    else {
      const at = changed.indexOf(place)
      if (at >= 0) changed[at + 1] = word
      else changed.push(place, word)
    }
  }
  if (random() < 0.05) changed.push(pick(random, ["--x", "--json=1", "-x", "--", "extra", "--set"]))
  return changed
}

interface Ended {
  code: number
  output: string
  errors: string
}

/** Runs a command line and keeps what it writes. */
async function run(words: readonly string[], program?: Commands): Promise<Ended> {
  const kept = { out: process.stdout.write, error: process.stderr.write, exit: process.exit }
  const written = { output: "", errors: "" }
  const into = (name: keyof typeof written) =>
    ((text: unknown) => {
      written[name] += text
      return true
    }) as typeof process.stdout.write
  process.stdout.write = into("output")
  process.stderr.write = into("errors")
  process.exit = ((code?: number) => {
    process.exitCode = code
    throw new Error("the command line ended the program")
  }) as typeof process.exit
  try {
    await main(["node", "diffusionvl", ...words], undefined, program)
    return { code: Number(process.exitCode ?? 0), ...written }
  } finally {
    Object.assign(process.stdout, { write: kept.out })
    Object.assign(process.stderr, { write: kept.error })
    process.exit = kept.exit
    process.exitCode = undefined
    process.stdout.removeAllListeners("error")
  }
}

export async function prepare(base: string): Promise<Fuzzer> {
  const small = await writeSmallModels(base)
  const recipe = join(base, "recipe.yaml")
  const train = { max_steps: 1, dtype: "float32" }
  writeFileSync(
    recipe,
    JSON.stringify({
      model: small.model,
      output: "run",
      data: { file: small.data, max_pixels: 3136, min_pixels: 3136 },
      train,
    }),
  )
  const lines = commandLines(small, recipe)
  const runIn = async (folder: string, words: readonly string[], program?: Commands): Promise<Ended> => {
    const here = process.cwd()
    process.chdir(folder)
    try {
      return await run(words, program)
    } finally {
      process.chdir(here)
    }
  }
  for (const { words } of lines.slice(0, 8))
    await acceptedAsItIs(words.join(" "), async () => {
      const { code, errors } = await runIn(base, words)
      if (code !== 0) throw new Error(errors)
    })
  return {
    async run({ random, folder, note, shown }) {
      const line = pick(random, lines)
      const words = oddCommandLine(random, line)
      note(words.map((word) => JSON.stringify(word.slice(0, 80))).join(" "))
      writeFileSync(join(folder, "file"), "x")
      const { code, output, errors } = await runIn(folder, words, line.program)
      // What was typed may be repeated; what a model answers is its own.
      const typed = words.filter((word) => /NaN|Infinity/.test(word))
      // `data check` prints a line or two for each record.
      const printed = words[0] === "generate" ? [] : words[0] === "data" ? output.split("\n") : [output]
      for (const text of [errors, ...printed]) shown(typed.reduce((kept, word) => kept.replaceAll(word, "…"), text))
      if (![0, 1, 2].includes(code)) throw new Nonsense(`exit code ${code}`)
      if (code !== 0 && (errors + output).trim() === "") throw new Nonsense(`exit code ${code} without a word`)
      if (code !== 0) throw new UserError("refused")
    },
  }
}
