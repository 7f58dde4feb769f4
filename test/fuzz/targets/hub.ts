/** Answers of a hub that is broken, wrong, or hostile; caches that others left; settings of the environment. */

import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { Random } from "../../../src/data/prng.js"
import { downloadModel } from "../../../src/hub/download.js"
import { type HubSettings, hubSettings } from "../../../src/hub/settings.js"
import { FakeHub } from "../../support/fake-hub.js"
import { acceptedAsItIs } from "../accepted.js"
import { mutateBytes } from "../mutate/bytes.js"
import { placeOddFile } from "../mutate/file.js"
import { oddAnswer } from "../mutate/http.js"
import { pick } from "../mutate/values.js"
import { type FuzzCase, type Fuzzer, Nonsense } from "../target.js"

/** Far above what the retries of a healthy client take with the pauses below. */
const LIMIT = 8000

/** None of them leads anywhere but to this machine. */
const ENVIRONMENTS: Record<string, string>[] = [
  ...[
    "x",
    "http://",
    "http://[",
    "ftp://127.0.0.1",
    "http://127.0.0.1:99999",
    "http://127.0.0.1:9",
    "file:///etc",
    "//",
    "a\u0000",
  ].map((endpoint) => ({ HF_ENDPOINT: endpoint })),
  ...["x\ny", "\u0000", "é", " ", "t".repeat(100_000)].map((token) => ({ HF_TOKEN: token })),
  { HF_TOKEN_PATH: "/dev/null/x" },
  { HF_HUB_OFFLINE: "1" },
]

async function download(settings: HubSettings, shown: FuzzCase["shown"]): Promise<void> {
  const done = new AbortController()
  const work = downloadModel(
    { id: "org/model", revision: "main" },
    {
      settings,
      retryDelayMs: 1,
      stallMs: 200,
      signal: done.signal,
      onEvent: (event) => {
        if (event.type === "retry" || event.type === "cached") shown(event.reason)
      },
    },
  )
  const late = sleep(LIMIT, "late", { signal: done.signal }).catch(() => "done")
  try {
    const first = await Promise.race([work, late])
    if (first === "late") throw new Nonsense("a download that goes on and on")
  } finally {
    done.abort(new Error("the case is over"))
    await work.catch(() => {})
  }
}

/** Answers that are wrong from now on, for one question or one file. */
function spoilAnswers(random: Random, fake: FakeHub): string {
  fake.pageSize = pick(random, [1, 2, 100])
  fake.ignoresRanges = random() < 0.2
  const times = pick(random, [1, 1, 2, 20])
  if (random() < 0.3) {
    const path = pick(random, [...fake.files.keys()])
    const { answer, what } = oddAnswer(random, fake.files.get(path)!.content)
    fake.fileAnswers.set(path, Array(times).fill(answer))
    return `${path}: ${what}`
  }
  // The first answer is the commit, the next ones are the listing; behind it every file is asked for.
  const commit = { id: "org/model", sha: fake.commit }
  const isCommit = random() < 0.4
  const right = isCommit ? commit : listing(fake)
  const { answer, what } = oddAnswer(random, Buffer.from(JSON.stringify(right)), right)
  if (!isCommit) fake.hubAnswers.push((_request, response) => void response.end(JSON.stringify(commit)))
  fake.hubAnswers.push(...Array(times).fill(answer))
  return `${isCommit ? "commit" : "listing"}: ${what}`
}

const listing = (fake: FakeHub): object[] =>
  [...fake.files].map(([path, { content, lfs }]) => ({
    type: "file",
    path,
    size: content.length,
    oid: lfs ? "0".repeat(40) : fake.etag(path),
    ...(lfs && { lfs: { oid: fake.etag(path), size: content.length, pointerSize: 134 } }),
  }))

/** Something in a whole cache that is not as it was. */
function spoilCache(random: Random, cache: string): string {
  const entries = readdirSync(cache, { recursive: true, withFileTypes: true })
  const entry = pick(random, entries)
  const path = join(entry.parentPath, entry.name)
  if (entry.isFile() && random() < 0.5) {
    const { bytes, what } = mutateBytes(random, readFileSync(path))
    writeFileSync(path, bytes)
    return `${entry.name}: ${what}`
  }
  rmSync(path, { recursive: true })
  return placeOddFile(random, path)
}

export async function prepare(base: string): Promise<Fuzzer> {
  const fake = new FakeHub()
  await fake.start()
  fake.add("config.json", '{"model_type":"qwen2_5_vl"}')
  fake.add("tokenizer.json", JSON.stringify({ text: "x".repeat(3000) }))
  fake.add("model.safetensors", Buffer.alloc(100_000, 7), true)
  const whole = join(base, "cache")
  const settings = (cache: string): HubSettings => ({ endpoint: fake.endpoint, cache, offline: false })
  await acceptedAsItIs("hub", () => download(settings(whole), () => {}))
  return {
    async run({ random, folder, note, shown }) {
      fake.hubAnswers.length = 0
      fake.fileAnswers.clear()
      const cache = join(folder, "cache")
      const kind = random()
      if (kind > 0.5) cpSync(whole, cache, { recursive: true, verbatimSymlinks: true })
      if (kind > 0.7) note(spoilCache(random, cache))
      if (kind > 0.9) {
        const env = pick(random, ENVIRONMENTS)
        note(JSON.stringify(env).slice(0, 100))
        return download(hubSettings({ HF_ENDPOINT: fake.endpoint, HF_HUB_CACHE: cache, HOME: folder, ...env }), shown)
      }
      if (kind < 0.7) note(spoilAnswers(random, fake))
      await download({ ...settings(cache), offline: kind > 0.8 }, shown)
    },
    close: () => fake.stop(),
  }
}
