/** Atomic files and folders, and file-system failures as sentences. */
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { UserError } from "../errors.js"
import {
  createFolder,
  explainFileError,
  partialName,
  removeFolder,
  requireFreeSpace,
  sweepPartials,
  writeJson,
} from "./files.js"

let root: string
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "files-"))
})
afterEach(() => fs.rmSync(root, { recursive: true, force: true }))

it("a JSON file is replaced whole; when writing fails the old one stays and nothing is left over", async () => {
  const file = path.join(root, "a.json")
  await writeJson(file, { b: 1 })
  expect(fs.readFileSync(file, "utf8")).toBe('{\n  "b": 1\n}\n')
  fs.mkdirSync(partialName(file)) // opening the partial file fails
  await expect(writeJson(file, { b: 2 })).rejects.toThrow()
  fs.rmSync(partialName(file), { recursive: true, force: true })
  expect(fs.readdirSync(root)).toEqual(["a.json"])
  expect(JSON.parse(fs.readFileSync(file, "utf8"))).toEqual({ b: 1 })
})

it("a folder appears whole, also in place of an empty one, never in place of a file", async () => {
  const folder = path.join(root, "deep", "out")
  fs.mkdirSync(folder, { recursive: true })
  await createFolder(folder, async (staging) => {
    expect(fs.readdirSync(folder)).toEqual([])
    fs.writeFileSync(path.join(staging, "x"), "1")
  })
  expect(fs.readdirSync(folder)).toEqual(["x"])
  await expect(createFolder(folder, async () => {})).rejects.toThrow(/not empty/)
  await expect(createFolder(path.join(folder, "x"), async () => {})).rejects.toThrow(/it is a file/)
})

it("two makers of one folder: one wins, the other is told", async () => {
  const folder = path.join(root, "out")
  const other = path.join(root, "other")
  fs.mkdirSync(other)
  fs.writeFileSync(path.join(other, "x"), "")
  const late = createFolder(folder, async () => fs.renameSync(other, folder))
  await expect(late).rejects.toThrow(/exists already/)
  expect(fs.readdirSync(root)).toEqual(["out"])
})

it("sweeping removes leftovers of dead processes only", async () => {
  for (const name of [".a.999999999.partial", `.b.${process.pid}.partial`, "c.partial"])
    fs.writeFileSync(path.join(root, name), "")
  await sweepPartials(root)
  expect(fs.readdirSync(root).sort()).toEqual([`.b.${process.pid}.partial`, "c.partial"])
})

it.each([
  ["ENOSPC", /the disk is full/],
  ["EDQUOT", /quota/],
  ["EACCES", /no permission to write here/],
  ["EROFS", /read-only/],
  ["EFBIG", /larger than the system allows/],
  ["EIO", /input\/output error/],
  ["EISDIR", /a folder where a file/],
  ["ENOTDIR", /a file where a folder/],
  ["ENOENT", /no such file/],
])("%s is a sentence with the place", (code, sentence) => {
  const explained = explainFileError(Object.assign(new Error("write"), { code }), "/models/out")
  expect(explained).toBeInstanceOf(UserError)
  expect((explained as UserError).format()).toMatch(new RegExp(`^/models/out: .*${sentence.source}`))
  const other = new Error("a bug")
  expect(explainFileError(other, "x")).toBe(other)
})

it("a folder may take the place of whatever has its name, and is never half there", async () => {
  const folder = path.join(root, "out")
  for (const occupy of [() => fs.mkdirSync(folder), () => fs.writeFileSync(folder, ""), () => {}]) {
    fs.rmSync(folder, { recursive: true, force: true })
    occupy()
    if (fs.existsSync(folder) && fs.statSync(folder).isDirectory()) fs.writeFileSync(path.join(folder, "old"), "1")
    const failing = createFolder(folder, () => Promise.reject(new Error("no")), { replace: true })
    await expect(failing).rejects.toThrow("no")
    await createFolder(folder, async (staging) => fs.writeFileSync(path.join(staging, "new"), "1"), { replace: true })
    expect(fs.readdirSync(folder)).toEqual(["new"])
    expect(fs.readdirSync(root)).toEqual(["out"])
  }
})

it("what fails inside a folder that is being made is named by its final name", async () => {
  const folder = path.join(root, "out")
  const failing = createFolder(folder, (staging) => writeJson(path.join(staging, "no", "such", "a.json"), {}))
  await expect(failing).rejects.toMatchObject({ where: path.join(folder, "no", "such", "a.json") })
})

it("a folder is removed under another name, and alone one sweeps also what looks alive", async () => {
  const folder = path.join(root, "out")
  fs.mkdirSync(path.join(folder, "deep"), { recursive: true })
  await removeFolder(folder)
  fs.mkdirSync(partialName(folder))
  await sweepPartials(root)
  expect(fs.readdirSync(root)).toEqual([path.basename(partialName(folder))])
  await sweepPartials(root, { alone: true })
  expect(fs.readdirSync(root)).toEqual([])
})

it("space is checked where the folder will be", async () => {
  await requireFreeSpace(path.join(root, "not", "yet"), 1)
  await expect(requireFreeSpace(path.join(root, "not", "yet"), 1e18)).rejects.toThrow(
    /not enough space: 1000000000.00 GB needed/,
  )
})
