/** Servers that mean harm, or are no hub: every answer ends in a sentence, soon, with nothing left outside the model's folder. */
import fs from "node:fs"
import http from "node:http"
import type { AddressInfo } from "node:net"
import os from "node:os"
import path from "node:path"
import { gzipSync } from "node:zlib"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { FakeHub } from "../../test/support/fake-hub.js"
import { messageOf, UserError } from "../errors.js"
import { type DownloadOptions, downloadModel, type HubEvent } from "./download.js"
import { hubSettings } from "./settings.js"

let root: string
let hub: FakeHub
let events: HubEvent[]
beforeEach(async () => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "hostile-"))
  events = []
  hub = new FakeHub()
  await hub.start()
  hub.add("config.json", "{}")
})
afterEach(async () => {
  await hub.stop()
  fs.rmSync(root, { recursive: true })
})

const download = (options: DownloadOptions = {}) =>
  downloadModel(
    { id: "org/model", revision: "main" },
    {
      settings: { endpoint: hub.endpoint, cache: root, offline: false },
      retryDelayMs: 1,
      onEvent: (event) => events.push(event),
      ...options,
    },
  )
/** What a person would read; never a message of JavaScript or of a library. */
const failure = async (options?: DownloadOptions): Promise<string> => {
  const error = await download(options).catch((error) => error)
  expect(error).toBeInstanceOf(UserError)
  expect(error.format()).not.toMatch(
    /undefined|Unexpected|fetch failed|Invalid URL|ERR_|aborted|JSON at|socket hang up/,
  )
  return error.format()
}
const answer =
  (status: number, body: string | Buffer = "", headers: http.OutgoingHttpHeaders = {}) =>
  (_: unknown, response: http.ServerResponse) =>
    void response.writeHead(status, headers).end(body)
const commit = () => answer(200, JSON.stringify({ sha: hub.commit }))
/** The hub tells its commit, then gives this listing. */
const listing = (...entries: object[]) =>
  hub.hubAnswers.push(commit(), answer(200, JSON.stringify(entries.map((entry) => ({ type: "file", ...entry })))))
const sha1 = "a".repeat(40)

describe("listings", () => {
  it.each([
    "../evil.json",
    "/etc/evil.json",
    "a/../../evil.json",
    "..",
    "",
    "evil\0.json",
    "a//b.json",
    "./config.json",
    "line\nbreak.json",
    "back\\..\\slash.json",
    `${"x".repeat(300)}.json`,
  ])("the name %j", async (path) => {
    listing({ path, size: 1, oid: sha1 })
    expect(await failure()).toMatch(/impossible name or hash/)
    expect(fs.readdirSync(root)).toEqual([])
  })

  it("odd names of files that are not loaded do not matter", async () => {
    listing(
      { path: "config.json", size: 2, oid: hub.etag("config.json") },
      { path: "images\\a b:c.png", size: 2, oid: sha1 },
    )
    expect(fs.readdirSync((await download()).folder)).toEqual(["config.json"])
  })

  it.each([
    ["../../x", undefined],
    ["A".repeat(40), undefined],
    [sha1.slice(1), undefined],
    [sha1, { oid: sha1, size: 1 }],
    [sha1, { oid: `${"b".repeat(63)}/`, size: 1 }],
  ])("the hash %s %j", async (oid, lfs) => {
    listing({ path: "config.json", size: 1, oid, lfs })
    expect(await failure()).toMatch(/impossible name or hash: config.json/)
  })

  it.each([-1, 1.5, "1", null, 1e300])("the size %s", async (size) => {
    listing({ path: "config.json", size, oid: sha1 })
    expect(await failure()).toMatch(/not what a model hub gives/)
  })

  it("more than any disk holds", async () => {
    listing({ path: "config.json", size: Number.MAX_SAFE_INTEGER, oid: sha1 })
    expect(await failure()).toMatch(/not enough space/)
  })

  it("a file twice", async () => {
    const file = { path: "config.json", size: 2, oid: sha1 }
    listing(file, file)
    expect(await failure()).toMatch(/lists a file twice: config.json/)
  })

  it("pages without an end", async () => {
    const page = (_: http.IncomingMessage, response: http.ServerResponse) =>
      void response.writeHead(200, { link: `<${hub.endpoint}/again>; rel="next"` }).end("[]")
    hub.hubAnswers.push(commit(), ...Array.from({ length: 300 }, () => page))
    expect(await failure()).toMatch(/the list of the model's files does not end/)
  })

  it("an answer without an end, or compressed to look small", async () => {
    hub.hubAnswers.push((_, response) => {
      const block = Buffer.alloc(1 << 20, " ")
      const more = () => {
        if (!response.destroyed) response.write(block, more)
      }
      more()
    })
    expect(await failure()).toMatch(/the answer is larger than 16 MB/)
    hub.hubAnswers.push(answer(200, gzipSync(Buffer.alloc(50e6, " ")), { "content-encoding": "gzip" }))
    expect(await failure()).toMatch(/the answer is larger than 16 MB/)
  })

  it("compressed though not asked for is read", async () => {
    hub.hubAnswers.push(answer(200, gzipSync(JSON.stringify({ sha: hub.commit })), { "content-encoding": "gzip" }))
    expect((await download()).commit).toBe(hub.commit)
  })
})

describe("answers that are no hub's", () => {
  it.each([
    ["a web page", "<!doctype html><p>Log in to this network", /not what a model hub gives\n.*a web page.*HF_ENDPOINT/],
    ["nothing", "", /not what a model hub gives/],
    ["JSON of another kind", "[1, 2]", /not what a model hub gives/],
    ["deep JSON", "[".repeat(100_000), /not what a model hub gives/],
    ["a commit that is a path", '{"sha":"../../../../etc/passwd"}', /not what a model hub gives/],
  ])("%s", async (_, body, sentence) => {
    hub.hubAnswers.push(answer(200, body))
    expect(await failure()).toMatch(sentence)
  })

  it("what is not HTTP at all", async () => {
    hub.hubAnswers.push(
      ...Array.from(
        { length: 6 },
        () => (request: http.IncomingMessage) => void request.socket.end("SSH-2.0-x\r\n\r\n"),
      ),
    )
    expect(await failure()).toMatch(/the answer is not HTTP/)
  })

  it.each([
    ["file:///etc/passwd", /an address of the kind file:/],
    ["ftp://hub.test/x", /an address of the kind ftp:/],
    ["http://[", /an address that is none/],
    ["/api/models/org/model/revision/main", /from one address to another without an end/],
  ])("a redirect to %s", async (location, sentence) => {
    hub.hubAnswers.push(...Array.from({ length: 20 }, () => answer(302, "", { location })))
    expect(await failure()).toMatch(sentence)
  })

  it.each(["nonsense", "-5", "1e99", "NaN", "Wed, 21 Oct 2015 07:28:00 GMT", "0", ""])(
    "Retry-After: %s is not believed",
    async (after) => {
      hub.hubAnswers.push(answer(429, "", { "retry-after": after }))
      await download()
      expect(events[0]).toMatchObject({ type: "retry", seconds: 0.001 })
    },
  )

  it("a Retry-After of days waits a minute", async () => {
    hub.hubAnswers.push(answer(503, "", { "retry-after": "999999" }))
    const stop = new AbortController()
    const onEvent = (event: HubEvent) => {
      events.push(event)
      if (event.type === "retry") stop.abort(new Error("seen"))
    }
    await expect(download({ onEvent, signal: stop.signal })).rejects.toThrow()
    expect(events).toEqual([{ type: "retry", reason: "the hub answered 503", seconds: 60 }])
  })
})

describe("bodies that stop", () => {
  const silent = (_: unknown, response: http.ServerResponse) =>
    void response.writeHead(200, { "content-length": 100 }).write('{"sha":')

  it("a listing that falls silent, or breaks off, is asked for again", async () => {
    hub.hubAnswers.push(silent, (_, response) => {
      response.writeHead(200, { "content-length": 100 }).write("{")
      setTimeout(() => response.destroy(), 20)
    })
    await download({ stallMs: 1000 })
    expect(events.filter((event) => event.type === "retry")).toMatchObject([
      { reason: "no data came" },
      { reason: "the connection broke" },
    ])
  })

  it("one that never says more ends in a sentence", async () => {
    hub.hubAnswers.push(...Array.from({ length: 6 }, () => silent))
    expect(await failure({ stallMs: 200 })).toMatch(/cannot load org\/model: no data came/)
  })

  it("one that drips is not waited for without an end", async () => {
    hub.hubAnswers.push((_, response) => {
      const drop = setInterval(() => response.write(" "), 10)
      response.on("close", () => clearInterval(drop))
    })
    await download({ stallMs: 800 })
    expect(events).toContainEqual(expect.objectContaining({ type: "retry", reason: "the answer did not end" }))
  })

  it("a small file that falls silent", async () => {
    hub.fileAnswers.set("config.json", [(_, response) => void response.writeHead(200).write("{")])
    await download({ stallMs: 2000 })
    expect(events).toContainEqual(expect.objectContaining({ type: "retry", reason: "no data came" }))
  })

  it.each([
    ["longer", 1000],
    ["shorter", 1],
  ])("a content-length that is %s than the file", async (_, length) => {
    const lies = (_: unknown, response: http.ServerResponse) => {
      response.socket?.end(`HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n{}`)
    }
    hub.fileAnswers.set("config.json", [lies])
    expect(fs.readFileSync(path.join((await download()).folder, "config.json"), "utf8")).toBe("{}")
    hub.fileAnswers.set(
      "config.json",
      Array.from({ length: 20 }, () => lies),
    )
    fs.rmSync(root, { recursive: true })
    fs.mkdirSync(root)
    if (length === 1) expect(await failure()).toMatch(/config.json keeps breaking off: only 1 of 2 bytes came/)
    // A length that is too long: all bytes came and their hash is right, or the end of the connection was seen before them.
    else {
      const outcome = await download().then(({ commit }) => commit, messageOf)
      const right = outcome === hub.commit || /config.json keeps breaking off: the connection broke/.test(outcome)
      expect(right, outcome).toBe(true)
    }
  })
})

it("the token does not follow a redirect to another server", async () => {
  const seen: (string | undefined)[] = []
  const other = http.createServer((request, response) => {
    seen.push(request.headers.authorization)
    response.end(JSON.stringify({ sha: hub.commit }))
  })
  await new Promise<void>((done) => other.listen(0, "127.0.0.1", done))
  const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`
  hub.hubAnswers.push(answer(307, "", { location }))
  try {
    await download({ settings: { endpoint: hub.endpoint, cache: root, offline: false, token: "secret" } })
    expect(seen).toEqual([undefined])
  } finally {
    other.closeAllConnections()
    await new Promise((done) => other.close(done))
  }
})

describe("settings", () => {
  it.each(["hub.test", "ftp://hub.test", "https://me:secret@hub.test", "https://"])("HF_ENDPOINT=%s", (endpoint) => {
    const read = () => hubSettings({ HF_ENDPOINT: endpoint, HOME: root })
    expect(read).toThrow(UserError)
    expect(read).toThrow(/not the address of a model hub/)
  })

  it("a token that no header can hold is refused without repeating it", () => {
    expect(() => hubSettings({ HF_TOKEN: "hf_sécret\n1", HOME: root })).toThrow(/^the token holds characters/)
  })

  it("an empty HOME is as good as none", () => {
    expect(path.isAbsolute(hubSettings({ HOME: "" }).cache)).toBe(true)
    expect(hubSettings({ HOME: root }).cache).toBe(path.join(root, ".cache", "huggingface", "hub"))
  })
})
