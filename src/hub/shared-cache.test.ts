/** Caches that others made or guard: read-only, without links, half-loaded, unusable. */
import { execFileSync } from "node:child_process"
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { FakeHub } from "../../test/support/fake-hub.js"
import { linux, needs, unix } from "../../test/support/needs.js"
import { UserError } from "../errors.js"
import { type DownloadOptions, downloadModel, type HubEvent } from "./download.js"
import type { HubSettings } from "./settings.js"

let root: string
let hub: FakeHub
beforeEach(async () => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "shared-cache-"))
  hub = new FakeHub()
  await hub.start()
  hub.add("config.json", '{"model_type":"qwen2_5_vl"}')
  hub.add("model.safetensors", Buffer.alloc(5000, 3), true)
  hub.add("tokenizer.json", "{}")
})
afterEach(async () => {
  await hub.stop()
  fs.rmSync(root, { recursive: true })
})

const inCache = (...parts: string[]) => path.join(root, "models--org--model", ...parts)
const snapshot = (...parts: string[]) => inCache("snapshots", hub.commit, ...parts)
const download = (
  changes: Partial<HubSettings> = {},
  { revision = "main", ...options }: DownloadOptions & { revision?: string } = {},
) =>
  downloadModel(
    { id: "org/model", revision },
    { settings: { endpoint: hub.endpoint, cache: root, offline: false, ...changes }, retryDelayMs: 1, ...options },
  )
const failure = async (...args: Parameters<typeof download>): Promise<string> => {
  const error = await download(...args).catch((error) => error)
  expect(error).toBeInstanceOf(UserError)
  return error.format()
}
const loaded = () => hub.log.filter((line) => line.startsWith("files"))
/** Everything in the cache with the times of its files and folders: a single write anywhere changes it. */
const state = () =>
  fs
    .readdirSync(root, { recursive: true })
    .concat(".")
    .map((name) => {
      const { mtimeNs, ino } = fs.lstatSync(path.join(root, String(name)), { bigint: true })
      return `${name} ${ino} ${mtimeNs}`
    })
    .sort()

describe("a complete cache", () => {
  it("is read and not written, by whatever name the model is asked for", async () => {
    await download()
    const before = state()
    await download()
    await download({}, { revision: hub.commit })
    await download({ offline: true })
    await download({ endpoint: "http://127.0.0.1:9" })
    await download({ noSymlinks: true })
    expect(state()).toEqual(before)
  })

  needs(process.getuid?.() !== 0, "a user who is not root").it(
    "is used also where nothing may be written, and a new name is not kept",
    async () => {
      await download()
      const folders = [root, ...fs.readdirSync(root, { recursive: true }).map((name) => path.join(root, String(name)))]
      const seal = (mode: number) => {
        for (const folder of folders) if (fs.lstatSync(folder).isDirectory()) fs.chmodSync(folder, mode)
      }
      seal(0o555)
      try {
        hub.revisions.set("v2", hub.commit)
        expect((await download({}, { revision: "v2" })).folder).toBe(snapshot())
        hub.add("tokenizer_config.json", "{}")
        expect(await failure()).toMatch(/no permission to write here/)
      } finally {
        seal(0o755)
      }
    },
  )

  it("a name that cannot be kept is no error when everything is there", async () => {
    await download()
    fs.rmSync(inCache("refs"), { recursive: true })
    fs.writeFileSync(inCache("refs"), "in the way")
    expect((await download()).folder).toBe(snapshot())
  })
})

unix.it("a pipe in the place of a name is not waited for", async () => {
  await download()
  fs.rmSync(inCache("refs", "main"))
  execFileSync("mkfifo", [inCache("refs", "main")])
  expect(await failure({ offline: true })).toMatch(/the model is not in t/)
  expect((await download()).folder).toBe(snapshot())
})

describe("without links", () => {
  const files = () => fs.readdirSync(snapshot()).map((name) => [name, fs.lstatSync(snapshot(name)).isFile()])
  const both = [
    ["config.json", true],
    ["model.safetensors", true],
    ["tokenizer.json", true],
  ]

  it("files in the place of links are used as they are: nothing is loaded, nothing written", async () => {
    await download()
    for (const name of fs.readdirSync(snapshot())) {
      const content = fs.readFileSync(snapshot(name))
      fs.rmSync(snapshot(name))
      fs.writeFileSync(snapshot(name), content)
    }
    fs.rmSync(inCache("blobs"), { recursive: true })
    const before = state()
    hub.log.length = 0
    const events: HubEvent[] = []
    await download({}, { onEvent: (event) => events.push(event) })
    await download({ offline: true })
    expect(loaded()).toEqual([])
    expect(state()).toEqual(before)
    expect(events[0]).toMatchObject({ totalBytes: 5029, presentBytes: 5029 })
  })

  it("HF_HUB_DISABLE_SYMLINKS leaves files in the snapshot, blobs not twice", async () => {
    await download({ noSymlinks: true })
    expect(files()).toEqual(both)
    expect(fs.readdirSync(inCache("blobs"))).toEqual([])
    hub.log.length = 0
    await download()
    expect(loaded()).toEqual([])
    expect(files()).toEqual(both)
  })

  it("a file cut short in a copy is loaded again", async () => {
    await download({ noSymlinks: true })
    fs.truncateSync(snapshot("model.safetensors"), 100)
    hub.log.length = 0
    await download()
    expect(loaded()).toHaveLength(1)
    expect(fs.statSync(snapshot("model.safetensors")).size).toBe(5000)
  })
})

describe("a download that did not end", () => {
  const offline = { offline: true }
  const put = (name: string, content = "{}") => {
    fs.mkdirSync(snapshot(), { recursive: true })
    fs.writeFileSync(snapshot(name), content)
  }
  const setRef = () => {
    fs.mkdirSync(inCache("refs"), { recursive: true })
    fs.writeFileSync(inCache("refs", "main"), hub.commit)
  }

  it("is told offline with what is missing: the weights", async () => {
    put("config.json")
    put("tokenizer.json")
    expect(await failure(offline)).toMatch(
      /^org\/model@main: its download is incomplete: model.safetensors is missing \(HF_HUB_OFFLINE is set\)\n.*continues/,
    )
    setRef() // as huggingface_hub does, before the files
    expect(await failure(offline)).toMatch(/incomplete: model.safetensors is missing/)
    expect(await failure(offline, { revision: hub.commit })).toMatch(/incomplete: model.safetensors is missing/)
  })

  it("is told offline with what is missing: whatever else no model opens without", async () => {
    setRef()
    put("model.safetensors")
    expect(await failure(offline)).toMatch(/incomplete: config.json, tokenizer.json are missing/)
    put("config.json")
    expect(await failure(offline)).toMatch(
      /^org\/model@main: its download is incomplete: tokenizer.json is missing \(HF_HUB_OFFLINE is set\)/,
    )
    put("vocab.json")
    expect(await failure(offline)).toMatch(/incomplete: tokenizer.json is missing/)
    put("tokenizer.json")
    expect((await download(offline)).folder).toBe(snapshot())
  })

  it("picture settings that no file was begun of are those of a model without", async () => {
    await download()
    fs.writeFileSync(inCache("blobs", `${"a".repeat(40)}.incomplete`), "x")
    expect(await failure(offline)).toMatch(/incomplete: preprocessor_config.json is missing/)
    put("processor_config.json")
    expect((await download(offline)).folder).toBe(snapshot())
  })

  it("the vision files of a converted checkpoint", async () => {
    setRef()
    put("config.json", '{"model_type":"diffusionvl_qwenvl"}')
    put("tokenizer.json")
    put("vision_tower.safetensors")
    expect(await failure(offline)).toMatch(/incomplete: model.safetensors is missing/)
    const weights = (name: string) => {
      const header = Buffer.from(JSON.stringify({ [name]: { dtype: "F32", shape: [1], data_offsets: [0, 4] } }))
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(header.length))
      fs.writeFileSync(snapshot("model.safetensors"), Buffer.concat([length, header, Buffer.alloc(4)]))
    }
    weights("model.norm.weight")
    expect(await failure(offline)).toMatch(/incomplete: projector.safetensors is missing/)
    weights("model.vision_tower.vision_tower.a")
    expect((await download(offline)).folder).toBe(snapshot())
  })

  it("without a network too, in the place of the connection's failure", async () => {
    put("config.json")
    put("tokenizer.json")
    expect(await failure({ endpoint: "http://127.0.0.1:9" }, { retryDelayMs: 1 })).toMatch(
      /incomplete: model.safetensors is missing \(cannot load org\/model: the connection was refused\)/,
    )
  })

  it("shards by the index, or by the numbers in their names", async () => {
    setRef()
    put("config.json")
    put("tokenizer.json")
    put("model-00002-of-00003.safetensors")
    expect(await failure(offline)).toMatch(
      /model-00001-of-00003.safetensors, model-00003-of-00003.safetensors, model.safetensors.index.json are missing/,
    )
    put(
      "model.safetensors.index.json",
      JSON.stringify({ weight_map: { a: "model-00001-of-00003.safetensors", b: "model-00002-of-00003.safetensors" } }),
    )
    expect(await failure(offline)).toMatch(/incomplete: model-00001-of-00003.safetensors is missing/)
    put("model-00001-of-00003.safetensors")
    expect((await download(offline)).folder).toBe(snapshot())
  })

  it("links to blobs that are gone", async () => {
    await download()
    fs.rmSync(inCache("blobs", hub.etag("model.safetensors")))
    expect(await failure(offline)).toMatch(/incomplete: model.safetensors is missing/)
  })

  it("nothing whole yet", async () => {
    fs.mkdirSync(inCache("blobs"), { recursive: true })
    fs.writeFileSync(inCache("blobs", `${"a".repeat(40)}.incomplete`), "x")
    expect(await failure(offline)).toMatch(/incomplete: 1 file was begun, none is whole/)
  })

  it("a model whose other commit is there is not called incomplete", async () => {
    await download()
    expect(await failure(offline, { revision: "v2" })).toMatch(
      new RegExp(`@v2: the model is not in the cache under this revision.*\n.*org/model@${hub.commit}`),
    )
  })

  it("a hub that fails after the first answer: a complete copy stands in", async () => {
    await download()
    const events: HubEvent[] = []
    hub.hubAnswers.push((_, response) => void response.end(JSON.stringify({ sha: hub.commit })))
    hub.hubAnswers.push(
      ...Array.from({ length: 6 }, () => (_: unknown, response: { destroy(): void }) => response.destroy()),
    )
    expect((await download({}, { onEvent: (event) => events.push(event) })).folder).toBe(snapshot())
    expect(events.at(-1)).toMatchObject({ type: "cached" })
  })
})

describe("snapshots need not be called by a commit, as in huggingface_hub", () => {
  const offline = { offline: true }
  const ref = (content: string) => {
    fs.mkdirSync(inCache("refs"), { recursive: true })
    fs.writeFileSync(inCache("refs", "main"), content)
  }
  const rename = async (name: string) => {
    await download()
    fs.rmSync(inCache("refs"), { recursive: true })
    fs.renameSync(snapshot(), inCache("snapshots", name))
  }

  it("by any text of a ref, or by the name itself", async () => {
    await rename("abc")
    expect(await failure(offline)).toMatch(/under this revision.*\n.*org\/model@abc$/)
    const found = { folder: inCache("snapshots", "abc"), commit: "abc" }
    expect(await download(offline, { revision: "abc" })).toEqual(found)
    ref("abc")
    expect(await download(offline)).toEqual(found)
    expect(await download({ endpoint: "http://127.0.0.1:9" })).toEqual(found)
  })

  it.each([
    "",
    ".",
    "..",
    "../snapshots/abc",
    "abc/.",
    "abc/../abc",
    "/tmp",
    "abc\0",
    "none",
    "x".repeat(300),
    "x".repeat(5000),
  ])("never outside of the snapshots: %j", async (content) => {
    await rename("abc")
    ref(content)
    expect(await failure(offline)).toMatch(/not in the cache under this revision/)
  })
})

describe("a cache that cannot be", () => {
  it.each([
    ["a file in the place of a folder", () => path.join(root, "file", "hub"), /a part of the cache's path is a file/],
    ["a file itself", () => path.join(root, "file"), /a part of the cache's path is a file/],
    ["a path that is too long", () => path.join(root, "x".repeat(300)), /the path of the cache is too long/],
  ])("%s", async (_, cache, sentence) => {
    fs.writeFileSync(path.join(root, "file"), "")
    expect(await failure({ cache: cache() })).toMatch(sentence)
  })

  linux.it("a place where no folder can be made is an error, not a wait", async () => {
    expect(await failure({ cache: "/proc/none/hub" })).toMatch(/the folder of the cache cannot be made\n.*HF_HUB_CACHE/)
  })
})
