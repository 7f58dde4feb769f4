/** Answers of a hub that is broken, wrong, or hostile. */

import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { downloadModel } from "../../../src/hub/download.js"
import { FakeHub } from "../../support/fake-hub.js"
import { acceptedAsItIs } from "../accepted.js"
import { oddAnswer } from "../mutate/http.js"
import { below, pick } from "../mutate/values.js"
import { type FuzzCase, Nonsense, type Target } from "../target.js"

/** Far above what the retries of a healthy client take with the pauses below. */
const LIMIT = 8000

async function download(hub: FakeHub, cache: string, shown: FuzzCase["shown"]): Promise<void> {
  const done = new AbortController()
  const work = downloadModel(
    { id: "org/model", revision: "main" },
    {
      settings: { endpoint: hub.endpoint, cache, offline: false },
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

export const hub: Target = {
  name: "hub",
  share: 2,
  async prepare(base) {
    const fake = new FakeHub()
    await fake.start()
    fake.add("config.json", '{"model_type":"qwen2_5_vl"}')
    fake.add("tokenizer.json", JSON.stringify({ text: "x".repeat(3000) }))
    fake.add("model.safetensors", Buffer.alloc(100_000, 7), true)
    await acceptedAsItIs("hub", () => download(fake, join(base, "cache"), () => {}))
    return {
      async run({ random, folder, note, shown }) {
        fake.hubAnswers.length = 0
        fake.fileAnswers.clear()
        fake.pageSize = pick(random, [1, 2, 100])
        fake.ignoresRanges = random() < 0.2
        const listing = [...fake.files].map(([path, { content, lfs }]) => ({
          type: "file",
          path,
          size: content.length,
          oid: lfs ? "0".repeat(40) : fake.etag(path),
          ...(lfs && { lfs: { oid: fake.etag(path), size: content.length, pointerSize: 134 } }),
        }))
        if (random() < 0.7) {
          // The first answer is the commit, the next ones are the listing; behind it every file is asked for.
          const commit = { id: "org/model", sha: fake.commit }
          const [right, before] = random() < 0.4 ? [commit, 0] : [listing, 1]
          const { answer, what } = oddAnswer(random, Buffer.from(JSON.stringify(right)), right)
          if (before) fake.hubAnswers.push((_request, response) => void response.end(JSON.stringify(commit)))
          for (let times = pick(random, [1, 1, 2, 20]); times > 0; times--) fake.hubAnswers.push(answer)
          note(`${before ? "listing" : "commit"}: ${what}`)
        } else {
          const path = pick(random, [...fake.files.keys()])
          const { answer, what } = oddAnswer(random, fake.files.get(path)!.content)
          fake.fileAnswers.set(path, Array(pick(random, [1, 1, 2, 20])).fill(answer))
          note(`${path}: ${what}`)
        }
        await download(fake, join(folder, `cache${below(random, 9)}`), shown)
      },
      close: () => fake.stop(),
    }
  },
}
