/** `diffusionvl serve` as people run it: how it starts, and how signals end it. */

import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, expect, it } from "vitest"
import { program, start as runProgram } from "../support/program.js"
import { type SmallAnswerers, writeSmallAnswerers } from "../support/small-answerers.js"
import { eventsOf, health, until } from "../support/small-server.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-program-"))
let models: SmallAnswerers
const children: ChildProcess[] = []
beforeAll(async () => {
  models = await writeSmallAnswerers(folder)
})
/** Engines that were held: one that is never let go would never end. */
const held: number[] = []
afterEach(() => {
  for (const pid of held.splice(0)) if (isAlive(pid)) process.kill(pid, "SIGCONT")
  for (const child of children.splice(0)) child.kill("SIGKILL")
})
afterAll(() => rmSync(folder, { recursive: true }))

interface Started {
  child: ChildProcess
  url: string
  error: () => string
  ended: Promise<number | null>
}

async function start(...options: string[]): Promise<Started> {
  const args = [
    program,
    "serve",
    `ar=${models.autoregressive}`,
    `bd=${models["block-diffusion"]}`,
    "--port",
    "0",
    ...options,
  ]
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] })
  children.push(child)
  let error = ""
  child.stderr!.on("data", (text) => (error += text))
  const ended = new Promise<number | null>((done) => child.on("exit", done))
  const found = () => /listening on (\S+)/.exec(error)?.[1]
  await until(() => found() !== undefined || child.exitCode !== null)
  return { child, url: found()!, error: () => error, ended }
}

const ask = (url: string, changes: object = {}) =>
  fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "bd",
      messages: [{ role: "user", content: "What is it?" }],
      max_tokens: 300,
      ...changes,
    }),
  })

it("answers at once that its models are being loaded, and SIGTERM under load loses no answer", async () => {
  // Longer than any machine needs for its answers.
  const { child, url, ended, error } = await start("--grace", "180")
  const early = await ask(url)
  expect([200, 503]).toContain(early.status)
  if (early.status === 503) expect(early.headers.get("retry-after")).not.toBeNull()
  await until(async () => (await health(url)).status === "ready")
  const whole = [1, 2, 3].map(async (seed) => (await ask(url, { seed })).json())
  const stream = ask(url, { stream: true, model: "ar" }).then((response) => response.text())
  await until(async () => (await health(url)).running === 4)
  child.kill("SIGTERM")
  await until(async () => /ending/.test(error()))
  await expect(fetch(`${url}/health`)).rejects.toThrow()
  for (const answer of await Promise.all(whole))
    expect(answer).toMatchObject({ choices: [{ finish_reason: expect.stringMatching(/stop|length/) }] })
  expect(eventsOf(await stream).at(-1)).toEqual({ data: "[DONE]" })
  expect(await ended).toBe(0)
  const pid = enginePid({ error })
  await until(() => !isAlive(pid))
}, 240_000)

/** Answers that do not end by themselves for hundreds of tokens. */
const long = {
  stream: true,
  model: "ar",
  max_tokens: 400,
  n: 8,
  response_format: { type: "regex", pattern: "[a-z]{400}" },
}

it("ends streams cleanly when the grace time is over, and at once with the second signal", async () => {
  // Engines that are held: no answer is done before its time, however quick the machine is.
  const first = await start("--grace", "0.2")
  await until(async () => (await health(first.url)).status === "ready")
  const cut = await ask(first.url, long)
  const firstEngine = enginePid(first)
  hold(firstEngine)
  first.child.kill("SIGTERM")
  await until(() => /ending/.test(first.error()))
  await sleep(1000)
  process.kill(firstEngine, "SIGCONT")
  expect(JSON.parse(eventsOf(await cut.text()).at(-1)!.data).error).toMatchObject({ code: "server_ending" })
  expect(await first.ended).toBe(0)

  const second = await start()
  await until(async () => (await health(second.url)).status === "ready")
  const answer = await ask(second.url, long)
  const lost = answer.text().catch(() => "lost")
  const secondEngine = enginePid(second)
  hold(secondEngine)
  second.child.kill("SIGINT")
  await until(() => /ending/.test(second.error()))
  second.child.kill("SIGINT")
  expect(await second.ended).toBe(130)
  expect(await lost).toBe("lost")
  process.kill(secondEngine, "SIGCONT")
  await until(() => !isAlive(secondEngine))
}, 240_000)

it("wants a key where other machines could ask, and says what is in its way", async () => {
  const open = await runProgram(folder, ["serve", "--host", "0.0.0.0", "--port", "0"]).result
  expect(open.code).toBe(1)
  expect(open.err).toMatch(/nobody would need a key[\s\S]*--api-key/)
  const none = await runProgram(folder, ["serve", "./none", "--port", "0"]).result
  expect([none.code, none.err]).toEqual([1, expect.stringMatching(/error: none: .*there is no such model/)])
  const twice = await runProgram(folder, ["serve", "a=x", "a=y"]).result
  expect(twice.err).toMatch(/two models would be called a/)
}, 120_000)

/** Stops a process until it is told to go on. */
function hold(pid: number): void {
  held.push(pid)
  process.kill(pid, "SIGSTOP")
}

function enginePid({ error }: Pick<Started, "error">): number {
  const started = error()
    .split("\n")
    .find((line) => line.includes("engine_started"))!
  return JSON.parse(started).pid
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
