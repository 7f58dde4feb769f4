/** Datasets from a hub on 127.0.0.1: other addresses and another folder of the cache, only what is wanted. */
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { FakeHub } from "../../test/support/fake-hub.js"
import { writeParquet } from "../../test/support/parquet-file.js"
import { UserError } from "../errors.js"
import { openDocuments } from "../eval/documents/documents.js"
import { downloadDataset } from "./dataset.js"
import type { DownloadOptions } from "./download.js"

let root: string
let hub: FakeHub

beforeEach(async () => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "hub-"))
  hub = new FakeHub("dataset")
  await hub.start()
  const file = path.join(root, "made.parquet")
  for (const [name, values] of Object.entries({
    "test-00000-of-00002": [1, 2],
    "test-00001-of-00002": [3],
    "train-0": [4],
  })) {
    writeParquet(file, { n: { type: "double", values } })
    hub.add(`data/${name}.parquet`, fs.readFileSync(file), true)
  }
  hub.add("README.md", "not wanted")
})
afterEach(async () => {
  await hub.stop()
  fs.rmSync(root, { recursive: true, force: true })
})

const settings = (overrides = {}) => ({
  endpoint: hub.endpoint,
  cache: path.join(root, "cache"),
  offline: false,
  ...overrides,
})
const dataset = { id: "org/model", revision: "main" }
const tests = (paths: readonly string[]) => paths.filter((name) => name.startsWith("data/test-"))
const download = (options: DownloadOptions = {}) =>
  downloadDataset(dataset, tests, { settings: settings(), retryDelayMs: 1, ...options })
const source = { dataset: "org/model", files: "data/test-", split: "test" }
const read = async (options: DownloadOptions = {}) => {
  const documents = await openDocuments(source, { download: { settings: settings(), retryDelayMs: 1, ...options } })
  const docs: unknown[] = []
  for await (const { doc } of documents.rows()) docs.push(doc.n)
  documents.close()
  return { docs, fingerprint: documents.fingerprint }
}

it("loads the wanted files alone, once, into the folder that huggingface_hub has for datasets", async () => {
  const { folder, files, commit } = await download()
  expect(files).toEqual(["data/test-00000-of-00002.parquet", "data/test-00001-of-00002.parquet"])
  expect(folder).toBe(path.join(root, "cache", "datasets--org--model", "snapshots", commit))
  expect(fs.readdirSync(path.join(folder, "data"))).toEqual(files.map((file) => path.basename(file)))
  expect(hub.log.filter((line) => line.startsWith("hub")).slice(0, 3)).toEqual([
    "hub GET /api/datasets/org/model/revision/main",
    `hub GET /api/datasets/org/model/tree/${commit}?recursive=true`,
    expect.stringMatching(/^hub GET \/datasets\/org\/model\/resolve\//),
  ])
  hub.log.length = 0
  await download()
  expect(hub.log.filter((line) => line.startsWith("files"))).toEqual([])
})

it("continues what was interrupted, and works offline afterwards", async () => {
  const name = "data/test-00000-of-00002.parquet"
  const blobs = path.join(root, "cache", "datasets--org--model", "blobs")
  fs.mkdirSync(blobs, { recursive: true })
  fs.writeFileSync(
    path.join(blobs, `${hub.etag(name)}.diffusionvl.incomplete`),
    hub.files.get(name)!.content.subarray(0, 50),
  )
  const online = await read()
  expect(online.docs).toEqual([1, 2, 3])
  expect(hub.requestsFor(name)).toEqual([`files GET /${name} bytes=50-`])
  const offline = settings({ offline: true, endpoint: "http://127.0.0.1:9" })
  expect(await read({ settings: offline })).toEqual(online)
  // Another split is not there, and one of whose files is missing is not taken for whole.
  await expect(downloadDataset(dataset, () => raise("no train"), { settings: offline })).rejects.toThrow(
    "the copy in the cache lacks what is wanted: no train",
  )
  const [snapshot] = fs.readdirSync(path.join(root, "cache", "datasets--org--model", "snapshots"))
  fs.rmSync(path.join(root, "cache", "datasets--org--model", "snapshots", snapshot, name))
  await expect(read({ settings: offline })).rejects.toThrow(/test-00000-of-00002\.parquet is missing/)
})

it("a dataset that has moved is followed", async () => {
  hub.formerly = "old/name"
  hub.gate = { token: "good", code: "GatedRepo" }
  const options = { settings: settings({ token: "good" }), retryDelayMs: 1 }
  const { files, folder } = await downloadDataset({ ...dataset, id: "old/name" }, tests, options)
  expect(files).toHaveLength(2)
  expect(folder).toContain("datasets--old--name")
  expect([...hub.tokens.hub]).toEqual(["Bearer good"])
})

it("a file's own server that refuses is not taken for the hub", async () => {
  const [name] = hub.files.keys()
  const refuse = (status: number) => hub.fileAnswers.set(name, [(_, response) => void response.writeHead(status).end()])
  for (const status of [403, 404]) {
    refuse(status)
    await expect(download({ settings: settings({ token: "good" }) })).rejects.toMatchObject({
      message: expect.stringMatching(
        `^127\\.0\\.0\\.1:\\d+, where the hub keeps its files, refuses with status ${status}$`,
      ),
      fix: expect.stringContaining("a firewall"),
    })
  }
  expect((await download()).files).toHaveLength(2)
})

it("refusals are about datasets", async () => {
  hub.hubAnswers.push((_, response) => void response.writeHead(403).end())
  await expect(download()).rejects.toThrow("the hub does not give this dataset without a login")
  hub.hubAnswers.push((_, response) => void response.writeHead(403).end())
  await expect(download({ settings: settings({ token: "good" }) })).rejects.toThrow("the token has no access")
  hub.gate = { token: "good", code: "GatedRepo" }
  await expect(download()).rejects.toMatchObject({
    message: "this dataset needs a login",
    fix: expect.stringMatching(/Accept its terms at .*\/datasets\/org\/model and set HF_TOKEN/),
  })
  expect((await read({ settings: settings({ token: "good" }) })).docs).toEqual([1, 2, 3])
  await expect(
    downloadDataset({ ...dataset, id: "org/other" }, tests, { settings: settings({ token: "good" }) }),
  ).rejects.toThrow(/no such dataset/)
  await expect(downloadDataset(dataset, tests, { settings: settings({ offline: true, cache: root }) })).rejects.toThrow(
    /the dataset is not in the cache/,
  )
})

function raise(what: string): never {
  throw new UserError(what)
}
