/**
 * A server under 1, 4, 16 and 64 streams: tokens per second of all together, time to the first text, and how long its event loop was held.
 *
 *   npm run example bench/serving.ts [MODEL [TOKENS]]
 *
 * The clients run in this process and the server in another one: its own numbers come from its /metrics.
 */

import { spawn } from "node:child_process"
import { once } from "node:events"
import { resolve } from "node:path"
import { createInterface } from "node:readline"
import { createClient, imagePrompt } from "diffusionvl"

const [model = "emoji-diffusion", tokens = "64"] = process.argv.slice(2)
const root = resolve(import.meta.dirname, "..")
const STREAMS = [1, 4, 16, 64]
const ROUNDS = 3
const images = [resolve(root, "examples/pictures/panda.png")]

interface Measured {
  tokensPerSecond: number
  firstText: number
  delay: number
}

async function main(): Promise<void> {
  const { url, stop } = await startServer()
  try {
    await measure(url, 1)
    console.log("streams  tokens/s   first text   event loop held at most")
    for (const streams of STREAMS) {
      // The round in the middle: others are beside something else that the machine did.
      const rounds: Measured[] = []
      for (let round = 0; round < ROUNDS; round++) rounds.push(await measure(url, streams))
      const { tokensPerSecond, firstText } = rounds.sort((a, b) => a.tokensPerSecond - b.tokensPerSecond)[ROUNDS >> 1]
      const delay = Math.max(...rounds.map((one) => one.delay))
      console.log(
        `${String(streams).padStart(7)}${tokensPerSecond.toFixed(1).padStart(10)}${`${firstText.toFixed(0)} ms`.padStart(13)}${`${(1000 * delay).toFixed(1)} ms`.padStart(15)}`,
      )
    }
  } finally {
    stop()
  }
}

/** Every stream draws with a seed of its own; what they begin with is known from the first on. */
async function measure(url: string, streams: number): Promise<Measured> {
  const client = createClient({ url })
  await metric(url, "event_loop_delay_seconds")
  const started = performance.now()
  const firsts: number[] = []
  const counts = await Promise.all(
    Array.from({ length: streams }, async (_, i) => {
      let first: number | undefined
      let count = 0
      const messages = [{ role: "user" as const, content: imagePrompt(1, "Describe it.") }]
      for await (const event of client.answer({
        model,
        messages,
        images,
        maxTokens: Number(tokens),
        temperature: 1,
        seed: i,
      })) {
        if (event.type === "text") first ??= performance.now() - started
        if (event.type === "done") count = event.statistics.tokens
      }
      firsts.push(first ?? 0)
      return count
    }),
  )
  const seconds = (performance.now() - started) / 1000
  const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0)
  return {
    tokensPerSecond: sum(counts) / seconds,
    firstText: sum(firsts) / firsts.length,
    delay: await metric(url, "event_loop_delay_seconds"),
  }
}

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(new RegExp(`^diffusionvl_${name} (\\S+)`, "m").exec(text)?.[1])
}

async function startServer(): Promise<{ url: string; stop(): void }> {
  const args = [resolve(root, "bin/diffusionvl.mjs"), "serve", model, "--port", "0", "--concurrent", "64"]
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "ignore", "pipe"] })
  const stop = (): void => void child.kill("SIGTERM")
  let url: string | undefined
  for await (const line of createInterface({ input: child.stderr })) {
    url ??= /listening on (\S+)/.exec(line)?.[1]
    if (line.includes("engine_unavailable")) throw new Error(line)
    if (line.includes("engine_ready")) break
  }
  child.stderr.resume()
  if (url === undefined) throw new Error(`the server did not start: ${String(await once(child, "exit"))}`)
  return { url, stop }
}

await main()
