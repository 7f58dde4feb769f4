/** LLaVA records as JSON and JSONL: checked with their pictures and tokens, and trained on for a step. */

import { readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { checkDataset } from "../../../src/data/check.js"
import type { Random } from "../../../src/data/prng.js"
import { decodeImage } from "../../../src/image/decode.js"
import { Tokenizer } from "../../../src/text/tokenizer/tokenizer.js"
import { type SmallData, smallTraining, writeSmallVlm } from "../../support/small-vlm.js"
import { acceptedAsItIs } from "../accepted.js"
import { placeOddFile } from "../mutate/file.js"
import { type Mutated, mutateText, mutateValue, render } from "../mutate/json.js"
import { below, oddString, pick } from "../mutate/values.js"
import { type FuzzCase, type Fuzzer, Nonsense } from "../target.js"
import { trainBriefly } from "./training.js"

type Turn = Record<string, unknown>
interface LlavaRecord {
  image?: unknown
  conversations: Turn[]
}

/** Changes in the words of the format: speakers, marks, pictures. */
function mutateRecord(random: Random, record: LlavaRecord): { value: unknown; what: string } {
  const changed = structuredClone(record)
  const turns = changed.conversations
  const turn = pick(random, turns)
  const done = (what: string) => ({ value: changed, what })
  switch (below(random, 8)) {
    case 0:
      turn.from = pick(random, ["system", "user", "assistant", "GPT", "bot", "", 3, null])
      return done(`from ${JSON.stringify(turn.from)}`)
    case 1:
      turn.value = pick(random, [
        "",
        " ",
        "<image>",
        "<image>\n<image>",
        "x <image> y",
        "\n<image>",
        null,
        3,
        ["x"],
        "a".repeat(20_000),
      ])
      return done(`says ${JSON.stringify(turn.value)?.slice(0, 30)}`)
    case 2:
      changed.image = pick(random, [
        "",
        "x.png",
        "..",
        "pictures",
        "http://127.0.0.1:9/a.png",
        "data:image/png;base64,iVBO",
        "file:///etc/hostname",
        "a\u0000b",
        "x".repeat(5000),
        "/dev/zero",
        "data.json",
        3,
        null,
        {},
        [],
        [null],
        ["pictures/red.png", "pictures/red.png"],
      ])
      return done(`image ${JSON.stringify(changed.image)?.slice(0, 30)}`)
    case 3:
      turns.push(structuredClone(turn))
      return done("a turn twice")
    case 4:
      turns.splice(turns.indexOf(turn), 1)
      return done("a turn less")
    case 5:
      Object.assign(turn, { role: pick(random, ["user", "assistant", "tool", 1, null]), content: oddString(random) })
      return done("a turn that says it both ways")
    case 6:
      turn.value = `${turn.value}${oddString(random)}`
      return done("a text with more in it")
    default:
      turns.reverse()
      return done("turns reversed")
  }
}

function mutateRecords(random: Random, records: LlavaRecord[], lines: boolean): Mutated {
  const at = below(random, records.length)
  const { value, what } = random() < 0.5 ? mutateRecord(random, records[at]) : mutateValue(random, records[at])
  const parts = records.map((record, i) => render(i === at ? value : record))
  if (random() < 0.15)
    parts.splice(below(random, parts.length), 0, pick(random, ["", "null", "{", "1", '"x"', "[]", "// x", "\u0000"]))
  const text = lines ? parts.join("\n") : `[${parts.join(",")}]`
  if (random() < 0.15) {
    const mutated = mutateText(random, text)
    return { bytes: mutated.bytes, what: `${what}; ${mutated.what}` }
  }
  return { bytes: Buffer.from(text), what: `record ${at}: ${what}` }
}

/** Everything the check says; the number of bad records. */
async function check(data: string, tokenizer: Tokenizer, shown: FuzzCase["shown"]): Promise<number> {
  for await (const event of checkDataset(data, { tokenizer, decode: decodeImage })) {
    if (event.type === "problem") shown(`${event.where}: ${event.what}\n${event.fix ?? ""}`)
    else if (event.type === "summary") return event.bad
  }
  throw new Nonsense("a check without a summary")
}

const train = (small: SmallData, folder: string): Promise<boolean> =>
  trainBriefly(
    smallTraining(small, join(folder, "out"), { train: { max_steps: 8, micro_batch_size: 2, accumulate: 2 } }),
  )

export async function prepare(base: string): Promise<Fuzzer> {
  const small = await writeSmallVlm(base)
  const tokenizer = Tokenizer.load(small.model)
  const valid: LlavaRecord[] = JSON.parse(readFileSync(small.data, "utf8"))
  await acceptedAsItIs("records", async () => {
    if ((await check(small.data, tokenizer, () => {})) > 0) throw new Error("bad records")
    await train(small, base)
  })
  return {
    async run({ random, folder, note, shown }) {
      const lines = random() < 0.5
      const data = join(folder, lines ? "data.jsonl" : "data.json")
      symlinkSync(join(base, "pictures"), join(folder, "pictures"))
      if (random() < 0.02) note(placeOddFile(random, data))
      else {
        const { bytes, what } = mutateRecords(random, valid, lines)
        note(what)
        writeFileSync(data, bytes)
      }
      const withTraining = random() < 0.3
      const bad = await check(data, tokenizer, shown)
      // A record that the check refuses has to be refused by the training too: it sees all of them in eight steps.
      if (withTraining && (await train({ ...small, data }, folder)) && bad > 0)
        throw new Nonsense(`the check found ${bad} bad records, the training none`)
    },
  }
}
