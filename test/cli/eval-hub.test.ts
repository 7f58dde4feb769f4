/** `diffusionvl eval` on a benchmark of the hub, from a hub on 127.0.0.1: HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, and all that can go wrong. */

import { spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { FakeHub } from "../support/fake-hub.js"
import { writeParquet } from "../support/parquet-file.js"
import { collect, program, type Result, type Running } from "../support/program.js"

const FILE = "data/test-00000-of-00001.parquet"
const panda = readFileSync(new URL("../../examples/pictures/panda.png", import.meta.url))

let root: string
let hub: FakeHub
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "eval-hub-"))
  hub = new FakeHub("dataset", "lmms-lab/RealWorldQA")
  await hub.start()
  const file = join(root, "made.parquet")
  writeParquet(
    file,
    {
      image: { type: "image", values: Array.from({ length: 5 }, () => ({ bytes: panda, path: "panda.png" })) },
      question: { type: "string", values: Array.from({ length: 5 }, () => "What is this?") },
      answer: { type: "string", values: ["panda", "panda", "dog", "dog", "dog"] },
    },
    { codec: "UNCOMPRESSED" },
  )
  hub.add(FILE, readFileSync(file), true)
  hub.add("README.md", "not wanted")
})
afterEach(async () => {
  await hub.stop()
  rmSync(root, { recursive: true })
})

function begin(env: Record<string, string> = {}, ...more: string[]): Running {
  const how = ["--limit", "2", "--max-tokens", "6", "--dtype", "float32", "--device", "cpu", "--out", "out", ...more]
  const { HF_TOKEN: _, ...own } = process.env
  return collect(
    spawn(process.execPath, [program, "eval", "emoji-diffusion", "--tasks", "realworldqa", ...how], {
      cwd: root,
      env: { ...own, HF_ENDPOINT: hub.endpoint, HF_HOME: join(root, "home"), ...env },
    }),
  )
}
const run = (env?: Record<string, string>): Promise<Result> => begin(env).result
const fresh = (): void =>
  ["home", "out"].forEach((name) => void rmSync(join(root, name), { recursive: true, force: true }))
const filesAsked = (): string[] => hub.requestsFor(FILE)
const answers = (status: number, body: string | Buffer = "", count = 1) =>
  hub.fileAnswers.set(
    FILE,
    Array.from({ length: count }, () => (_, response) => void response.writeHead(status).end(body)),
  )

describe("eval of a benchmark on the hub", { timeout: 300_000 }, () => {
  it("is downloaded once, with the token for the hub alone, and asked again without a connection", async () => {
    hub.gate = { token: "good", code: "GatedRepo" }
    const first = await run({ HF_TOKEN: "good" })
    expect(first, first.err).toMatchObject({
      code: 0,
      out: expect.stringMatching(/realworldqa\|.*\|exact_match\|↑ +\|/),
    })
    expect(first.err).toContain("data · 1 file, ")
    expect([...hub.tokens.hub]).toEqual(["Bearer good"])
    expect([...hub.tokens.files]).toEqual([undefined])
    expect(filesAsked()).toHaveLength(1)
    rmSync(join(root, "out"), { recursive: true })
    const offline = await run({ HF_HUB_OFFLINE: "1", HF_ENDPOINT: "http://127.0.0.1:9" })
    expect(offline.code, offline.err).toBe(0)
    const line = (out: string) => out.split("\n").find((text) => text.startsWith("|realworldqa"))
    expect(line(offline.out)).toBe(line(first.out))
    // The hub is away: the copy stands in, and that is said.
    const away = await run({ HF_ENDPOINT: "http://127.0.0.1:9" })
    expect(away).toMatchObject({ code: 0, err: expect.stringContaining("using the copy in the cache") })
    expect(filesAsked()).toHaveLength(1)
  })

  it("goes on where its download was interrupted", async () => {
    hub.pace = { chunk: 500, pauseMs: 20 }
    const { child, result } = begin()
    const blobs = join(root, "home/hub/datasets--lmms-lab--RealWorldQA/blobs")
    const begun = (): number =>
      safely(() => Math.max(0, ...readdirSync(blobs).map((name) => statSync(join(blobs, name)).size))) ?? 0
    const timer = setInterval(() => {
      if (begun() < 2000) return
      clearInterval(timer)
      child.kill("SIGINT")
    }, 5)
    expect((await result).code).toBe(130)
    const before = begun()
    expect(before).toBeGreaterThan(0)
    expect(before).toBeLessThan(hub.files.get(FILE)!.content.length)
    hub.pace = { chunk: 1 << 16, pauseMs: 0 }
    hub.log.length = 0
    expect((await run()).code).toBe(0)
    expect(filesAsked()).toEqual([`files GET /${FILE} bytes=${before}-`])
  })

  it("says what is wrong, and what to do", async () => {
    const refuse = (status: number, headers = {}) =>
      hub.hubAnswers.push((_, response) => void response.writeHead(status, headers).end())
    const damaged = Buffer.from(hub.files.get(FILE)!.content)
    damaged[9] ^= 1
    const cases: [string, () => void, RegExp, Record<string, string>?][] = [
      ["401", () => refuse(401), /lmms-lab\/RealWorldQA: this dataset needs a login\n +Set HF_TOKEN/],
      ["401, token", () => refuse(401), /the hub rejects the token/, { HF_TOKEN: "bad" }],
      ["403", () => refuse(403), /does not give this dataset without a login\n +Set HF_TOKEN/],
      ["403, token", () => refuse(403), /the token has no access .*\n +Ask for access at /, { HF_TOKEN: "bad" }],
      ["404", () => refuse(404), /there is no such dataset, or it is private/],
      [
        "gated",
        () => refuse(403, { "x-error-code": "GatedRepo" }),
        /needs a login\n +Accept its terms at .*datasets\/lmms-lab/,
      ],
      ["of the files", () => answers(403), /127\.0\.0\.1:\d+, where the hub keeps its files, refuses with status 403/],
      [
        "damaged",
        () => answers(200, damaged, 2),
        /the download has the wrong sha256 hash: [0-9a-f]{64}, not [0-9a-f]{64}\n/,
      ],
      [
        "no file of the split",
        () => hub.files.delete(FILE) && hub.add("data/train-0.parquet", "x", true),
        /none of its files is of test/,
      ],
      [
        "offline",
        () => {},
        /not in the cache \(HF_HUB_OFFLINE is set\)\n.*--data realworldqa=FILE/,
        { HF_HUB_OFFLINE: "1" },
      ],
      ["no hub", () => {}, /HF_ENDPOINT: this is not the address of a model hub/, { HF_ENDPOINT: "nowhere" }],
    ]
    for (const [title, prepare, sentence, env] of cases) {
      prepare()
      const { code, out, err } = await run(env)
      expect(`${title}: ${code} ${out}`).toBe(`${title}: 1 `)
      expect(err, title).toMatch(sentence)
      expect(err, title).not.toMatch(/\n +at /)
      fresh()
      hub.hubAnswers.length = 0
      hub.fileAnswers.clear()
    }
  })

  it("waits for a hub that is busy or fails", async () => {
    hub.hubAnswers.push(
      (_, response) => void response.writeHead(429, { "retry-after": "1" }).end(),
      (_, response) => void response.writeHead(500).end(),
    )
    answers(200, "too short")
    const { code, err } = await run()
    expect(code, err).toBe(0)
    expect(err).toContain("the hub asks to slow down (429); trying again in 1 s")
    expect(err).toContain("the hub answered 500; trying again in 2 s")
    expect(err).toMatch(/only 9 of \d+ bytes came; trying again in 1 s/)
  })
})

function safely<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch {
    return undefined
  }
}
