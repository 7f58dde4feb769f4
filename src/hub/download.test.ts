/** Downloading from a hub on 127.0.0.1: the cache it leaves, resuming, damage, refusals, two processes, offline. */
import { type ChildProcess, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import fs from "node:fs"
import type http from "node:http"
import os from "node:os"
import path from "node:path"
import ts from "typescript"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { FakeHub } from "../../test/support/fake-hub.js"
import { UserError } from "../errors.js"
import { type DownloadOptions, downloadModel, type HubEvent } from "./download.js"
import { withLock } from "./lock.js"

let root: string
let hub: FakeHub
let events: HubEvent[]
const weights = randomBytes(300_000)
const model = { id: "org/model", revision: "main" }

beforeEach(async () => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "hub-"))
  events = []
  hub = new FakeHub()
  await hub.start()
  hub.add("config.json", '{"model_type":"qwen2_5_vl"}')
  hub.add("model.safetensors", weights, true)
  hub.add("tokenizer.json", "{}")
  hub.add("original/consolidated.safetensors", "not wanted", true)
  hub.add("README.md", "not wanted")
})
afterEach(async () => {
  await hub.stop()
  fs.rmSync(root, { recursive: true, force: true })
})

const settings = (overrides = {}) => ({ endpoint: hub.endpoint, cache: root, offline: false, ...overrides })
const download = (options: DownloadOptions & { revision?: string } = {}) =>
  downloadModel(
    { ...model, revision: options.revision ?? "main" },
    { settings: settings(), retryDelayMs: 1, onEvent: (event) => events.push(event), ...options },
  )
const inCache = (...parts: string[]) => path.join(root, "models--org--model", ...parts)
const partial = (file: string) => inCache("blobs", `${hub.etag(file)}.diffusionvl.incomplete`)
const failure = async (options?: Parameters<typeof download>[0]) => {
  const error = await download(options).then(
    () => undefined,
    (error) => error,
  )
  expect(error).toBeInstanceOf(UserError)
  return (error as UserError).format()
}
const leavePartial = (content: Buffer) => {
  fs.mkdirSync(inCache("blobs"), { recursive: true })
  fs.writeFileSync(partial("model.safetensors"), content)
}
const answerFile = (
  file: string,
  ...answers: ((request: http.IncomingMessage, response: http.ServerResponse) => void)[]
) => hub.fileAnswers.set(file, answers)

describe("the cache", () => {
  it("has the layout of huggingface_hub: blobs by hash, a snapshot of links, a ref", async () => {
    const { folder, commit } = await download()
    expect(commit).toBe(hub.commit)
    expect(folder).toBe(inCache("snapshots", hub.commit))
    expect(fs.readdirSync(folder).sort()).toEqual(["config.json", "model.safetensors", "tokenizer.json"])
    for (const file of fs.readdirSync(folder)) {
      expect(fs.readlinkSync(path.join(folder, file))).toBe(`../../blobs/${hub.etag(file)}`)
      expect(fs.readFileSync(path.join(folder, file)).equals(hub.files.get(file)!.content)).toBe(true)
    }
    expect(fs.readdirSync(inCache("blobs")).sort()).toEqual(
      fs
        .readdirSync(folder)
        .map((file) => hub.etag(file))
        .sort(),
    )
    expect(fs.readFileSync(inCache("refs", "main"), "utf8")).toBe(hub.commit)
  })

  it("of a model that has both formats the safetensors alone, of one that has no other the pickles", async () => {
    hub.add("pytorch_model.bin", randomBytes(1000), true)
    hub.add("mm_projector.bin", randomBytes(500), true)
    hub.add("optimizer.bin", "not wanted", true)
    const names = async () => fs.readdirSync((await download()).folder).sort()
    expect(await names()).toEqual(["config.json", "mm_projector.bin", "model.safetensors", "tokenizer.json"])
    fs.rmSync(root, { recursive: true })
    hub.files.delete("model.safetensors")
    expect(await names()).toEqual(["config.json", "mm_projector.bin", "pytorch_model.bin", "tokenizer.json"])
  })

  it("a second download loads nothing again", async () => {
    await download()
    hub.log.length = 0
    events = []
    await download()
    expect(hub.log.filter((line) => line.startsWith("files"))).toEqual([])
    expect(events).toEqual([
      { type: "listed", commit: hub.commit, files: 3, totalBytes: 300_029, presentBytes: 300_029 },
    ])
  })

  it("revisions: a branch with a slash is a nested ref, a commit needs none", async () => {
    hub.revisions.set("refs/pr/1", hub.commit)
    await download({ revision: "refs/pr/1" })
    expect(fs.readFileSync(inCache("refs", "refs", "pr", "1"), "utf8")).toBe(hub.commit)
    await download({ revision: hub.commit })
    expect(fs.readdirSync(inCache("refs"))).toEqual(["refs"])
  })

  it("follows the pages of a long listing, on the endpoint only", async () => {
    hub.pageSize = 2
    expect(fs.readdirSync((await download()).folder)).toHaveLength(3)
  })

  it("loads what the caller wants, folders included", async () => {
    const { folder } = await download({ wants: (file) => file.startsWith("original/") })
    expect(fs.readlinkSync(path.join(folder, "original", "consolidated.safetensors"))).toMatch(/^..\/..\/..\/blobs\//)
    expect(fs.readFileSync(path.join(folder, "original", "consolidated.safetensors"), "utf8")).toBe("not wanted")
  })
})

describe("progress", () => {
  it("ends at the total and counts wire bytes apart from what was there", async () => {
    leavePartial(weights.subarray(0, 100_000))
    await download()
    expect(events[0]).toMatchObject({ type: "listed", totalBytes: 300_029, presentBytes: 100_000 })
    const last = events.filter((event) => event.type === "progress").at(-1)!
    expect(last).toMatchObject({ doneBytes: 300_029, totalBytes: 300_029, receivedBytes: 200_029 })
  })
})

describe("resuming", () => {
  it("continues a partial file by byte range", async () => {
    leavePartial(weights.subarray(0, 123_456))
    const { folder } = await download()
    expect(hub.requestsFor("model.safetensors")).toEqual(["files GET /model.safetensors bytes=123456-"])
    expect(fs.readFileSync(path.join(folder, "model.safetensors")).equals(weights)).toBe(true)
  })

  it("a connection that breaks in the middle is continued where it stopped", async () => {
    answerFile("model.safetensors", (_, response) => {
      response.writeHead(200, { "content-length": weights.length })
      response.write(weights.subarray(0, 70_000), () => setTimeout(() => response.destroy(), 50))
    })
    const { folder } = await download()
    expect(hub.requestsFor("model.safetensors")).toEqual([
      "files GET /model.safetensors ",
      "files GET /model.safetensors bytes=70000-",
    ])
    expect(events.some((event) => event.type === "retry")).toBe(true)
    expect(fs.readFileSync(path.join(folder, "model.safetensors")).equals(weights)).toBe(true)
  })

  it("a body that ends early without an error is noticed by its length", async () => {
    answerFile("model.safetensors", (_, response) => response.end(weights.subarray(0, 50_000)))
    await download()
    expect(hub.requestsFor("model.safetensors")[1]).toBe("files GET /model.safetensors bytes=50000-")
  })

  it("a server that ignores ranges gets the file from the start", async () => {
    hub.ignoresRanges = true
    leavePartial(Buffer.concat([weights.subarray(0, 1000), Buffer.alloc(500)]))
    const { folder } = await download()
    expect(fs.readFileSync(path.join(folder, "model.safetensors")).equals(weights)).toBe(true)
  })

  it("a leftover longer than the file is dropped; a whole one is only checked", async () => {
    leavePartial(Buffer.concat([weights, Buffer.from("more")]))
    await download()
    expect(hub.requestsFor("model.safetensors")).toEqual(["files GET /model.safetensors "])
    fs.renameSync(inCache("blobs", hub.etag("model.safetensors")), partial("model.safetensors"))
    await download()
    expect(hub.requestsFor("model.safetensors")).toHaveLength(1)
  })

  it("a server that falls silent is given up and asked again", async () => {
    answerFile("model.safetensors", (_, response) => {
      response.writeHead(200, { "content-length": weights.length })
      response.write(weights.subarray(0, 1000))
    })
    await download({ stallMs: 2000 })
    expect(hub.requestsFor("model.safetensors")).toHaveLength(2)
    expect(events).toContainEqual(expect.objectContaining({ type: "retry", reason: "no data came" }))
  })

  it("interrupted by its signal it stops, keeps the part, and continues the next time", async () => {
    hub.pace = { chunk: 10_000, pauseMs: 10 }
    const stop = new AbortController()
    const onEvent = (event: HubEvent) => {
      if (event.type === "progress" && event.doneBytes > 50_000) stop.abort(new Error("interrupted"))
    }
    await expect(download({ signal: stop.signal, onEvent })).rejects.toThrow("interrupted")
    const kept = fs.statSync(partial("model.safetensors")).size
    expect(kept).toBeGreaterThanOrEqual(40_000)
    await download()
    expect(hub.requestsFor("model.safetensors").at(-1)).toBe(`files GET /model.safetensors bytes=${kept}-`)
  })
})

describe("damage", () => {
  it("a damaged leftover is found by the hash and loaded again", async () => {
    leavePartial(Buffer.alloc(1000))
    const { folder } = await download()
    expect(fs.readFileSync(path.join(folder, "model.safetensors")).equals(weights)).toBe(true)
  })

  it.each(["model.safetensors", "config.json"])(
    "%s: a wrong hash is an error that names file and hashes; nothing stays",
    async (file) => {
      const { content } = hub.files.get(file)!
      const wrong = Buffer.from(content)
      wrong[5] ^= 1
      answerFile(
        file,
        ...Array.from({ length: 2 }, () => (_: unknown, response: http.ServerResponse) => void response.end(wrong)),
      )
      expect(await failure()).toMatch(
        new RegExp(`org/model/${file}: the download has the wrong (sha256|git-sha1) hash: \\w+, not ${hub.etag(file)}`),
      )
      expect(fs.existsSync(inCache("blobs", hub.etag(file)))).toBe(false)
      expect(fs.existsSync(partial(file))).toBe(false)
      expect(fs.existsSync(inCache("refs"))).toBe(false)
    },
  )

  it("more bytes than the listing says are not kept", async () => {
    answerFile("config.json", (_, response) => response.end("x".repeat(100)))
    const { folder } = await download()
    expect(fs.readFileSync(path.join(folder, "config.json"), "utf8")).toBe('{"model_type":"qwen2_5_vl"}')
  })
})

describe("refusals are sentences", () => {
  const status =
    (code: number, headers = {}) =>
    (_: unknown, response: http.ServerResponse) =>
      void response.writeHead(code, headers).end()

  it("a gated model without and with a token", async () => {
    hub.gate = { token: "good", code: "GatedRepo" }
    expect(await failure()).toMatch(/needs a login\n.*Accept its terms at .*org\/model and set HF_TOKEN/)
    expect(await failure({ settings: settings({ token: "other" }) })).toMatch(
      /access to this model must be granted first/,
    )
    await download({ settings: settings({ token: "good" }) })
  })

  it("a rejected token", async () => {
    hub.gate = { token: "good", code: "" }
    expect(await failure({ settings: settings({ token: "bad" }) })).toMatch(/rejects the token/)
  })

  it("unknown models and revisions", async () => {
    hub.revisions.clear()
    expect(await failure({ revision: "v9" })).toMatch(/org\/model@v9: the model has no such revision/)
    const error = await downloadModel({ id: "org/other", revision: "main" }, { settings: settings() }).catch(
      (error) => error,
    )
    expect(error.format()).toMatch(/org\/other: there is no such model, or it is private/)
  })

  it("too many requests: waits as asked, then gives up with the reason", async () => {
    hub.hubAnswers.push(status(429, { "retry-after": "0.05" }), status(503))
    await download()
    expect(events.slice(0, 2)).toEqual([
      { type: "retry", reason: "the hub asks to slow down (429)", seconds: 0.05 },
      { type: "retry", reason: "the hub answered 503", seconds: 0.002 },
    ])
    hub.hubAnswers.push(...Array.from({ length: 12 }, () => status(429)))
    fs.rmSync(inCache(), { recursive: true })
    expect(await failure()).toMatch(/cannot load org\/model: the hub asks to slow down/)
  })

  it("an endpoint that is not a hub", async () => {
    hub.hubAnswers.push((_, response) => void response.end("<html>"))
    expect(await failure()).toMatch(/not what a model hub gives\n.*HF_ENDPOINT/)
  })

  it("a listing with names outside the model's folder", async () => {
    hub.files.clear()
    hub.add("../evil.json", "{}")
    expect(await failure()).toMatch(/impossible name or hash: ..\/evil.json/)
  })

  it("a cache that cannot be written", async () => {
    fs.writeFileSync(path.join(root, "file"), "")
    const cache = path.join(root, "file", "cache")
    await expect(download({ settings: settings({ cache }) })).rejects.toThrow()
    if (process.getuid?.() === 0) return // the superuser may write anywhere
    fs.mkdirSync(path.join(root, "sealed"), { mode: 0o500 })
    expect(await failure({ settings: settings({ cache: path.join(root, "sealed") }) })).toMatch(
      /no permission to write here/,
    )
  })

  it("the token goes to the hub and not to the server it redirects to", async () => {
    await download({ settings: settings({ token: "secret" }) })
    expect([...hub.tokens.hub]).toEqual(["Bearer secret"])
    expect([...hub.tokens.files]).toEqual([undefined])
  })
})

describe("offline", () => {
  it("reads refs and snapshots only", async () => {
    const { folder } = await download()
    hub.log.length = 0
    expect(await download({ settings: settings({ offline: true }) })).toEqual({ folder, commit: hub.commit })
    expect((await download({ settings: settings({ offline: true }), revision: hub.commit })).folder).toBe(folder)
    expect(hub.log).toEqual([])
    expect(await failure({ settings: settings({ offline: true }), revision: "v2" })).toMatch(
      /org\/model@v2: the model is not in the cache/,
    )
  })

  it("an unreachable hub: the cached copy is used and said so; without one it is an error", async () => {
    const { folder } = await download()
    const unreachable = settings({ endpoint: "http://127.0.0.1:9" })
    expect((await download({ settings: unreachable })).folder).toBe(folder)
    expect(events.at(-1)).toMatchObject({ type: "cached" })
    fs.rmSync(inCache(), { recursive: true })
    expect(await failure({ settings: unreachable })).toMatch(/cannot load org\/model: .*\n.*HF_HUB_OFFLINE/)
  })
})

describe("several at once", () => {
  it("two processes load each blob once", async () => {
    hub.pace = { chunk: 30_000, pauseMs: 30 }
    const script = compile(path.join(root, "js"))
    const results = await Promise.all([run(script), run(script)])
    for (const { code, output } of results) expect(code, output).toBe(0)
    expect(hub.requestsFor("model.safetensors")).toHaveLength(1)
    expect(fs.readFileSync(inCache("snapshots", hub.commit, "model.safetensors")).equals(weights)).toBe(true)
    expect(fs.readdirSync(path.join(root, ".locks", "models--org--model"))).toEqual([])
  })

  it("a killed process leaves a part and a lock that the next one takes over", async () => {
    hub.pace = { chunk: 30_000, pauseMs: 40 }
    const child = start(compile(path.join(root, "js")))
    while (!fs.existsSync(partial("model.safetensors")) || fs.statSync(partial("model.safetensors")).size < 60_000)
      await new Promise((done) => setTimeout(done, 10))
    child.kill("SIGKILL")
    await new Promise((done) => child.once("exit", done))
    const { folder } = await download()
    expect(hub.requestsFor("model.safetensors").at(-1)).toMatch(/bytes=\d{5,6}-/)
    expect(fs.readFileSync(path.join(folder, "model.safetensors")).equals(weights)).toBe(true)
  })

  it("a lock without a heartbeat is taken over, a live one is waited for", async () => {
    const file = path.join(root, "some.lock")
    fs.writeFileSync(file, JSON.stringify({ pid: 1, host: "elsewhere" }))
    const old = new Date(Date.now() - 120_000)
    fs.utimesSync(file, old, old)
    const order: string[] = []
    let hold: Promise<void> | undefined
    let release = (): void => {}
    await new Promise<void>((locked) => {
      hold = withLock(file, async () => {
        const isWaitedFor = new Promise<void>((done) => (release = done))
        locked()
        await isWaitedFor
        order.push("first")
      })
    })
    const onWait = () => {
      order.push("waiting")
      release()
    }
    await withLock(file, async () => void order.push("second"), { onWait })
    await hold
    expect(order).toEqual(["waiting", "first", "second"])
    expect(fs.existsSync(file)).toBe(false)
  })

  /** The hub code as JavaScript, since a child process of plain Node reads no TypeScript. */
  function compile(target: string): string {
    const source = path.resolve(import.meta.dirname, "..")
    const files = new Set<string>()
    const follow = (file: string): void => {
      if (files.has(file)) return
      files.add(file)
      for (const [, name] of fs.readFileSync(path.join(source, file), "utf8").matchAll(/from "(\.[^"]+)\.js"/g))
        follow(path.join(path.dirname(file), `${name}.ts`))
    }
    follow("hub/download.ts")
    for (const file of files) {
      const text = ts.transpileModule(fs.readFileSync(path.join(source, file), "utf8"), {
        compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
      }).outputText
      const out = path.join(target, file.replace(/\.ts$/, ".js"))
      fs.mkdirSync(path.dirname(out), { recursive: true })
      fs.writeFileSync(out, text)
    }
    fs.writeFileSync(path.join(target, "package.json"), '{"type":"module"}')
    fs.symlinkSync(path.resolve(source, "../node_modules"), path.join(target, "node_modules"))
    const script = path.join(target, "main.js")
    fs.writeFileSync(
      script,
      `import { downloadModel } from "./hub/download.js"\nawait downloadModel(${JSON.stringify(model)}, { settings: ${JSON.stringify(settings())} })\n`,
    )
    return script
  }

  function start(script: string): ChildProcess {
    return spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "pipe"] })
  }

  async function run(script: string): Promise<{ code: number | null; output: string }> {
    const child = start(script)
    let output = ""
    for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (data) => (output += data))
    return { code: await new Promise((done) => child.once("exit", done)), output }
  }
})
