/** What is in the way of a training's output is told before anything is read or computed. */

import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { trainingSchema } from "../recipe/config.js"
import { train } from "../trainer.js"
import { requirePlaces } from "./output-places.js"

const root = mkdtempSync(join(tmpdir(), "dvl-places-"))
afterAll(() => rmSync(root, { recursive: true }))

/** A training of a model that is not there: only what is looked at before the model can fail otherwise. */
async function start(output: string): Promise<void> {
  const config = trainingSchema().parse({ model: join(root, "none"), output, data: { file: join(root, "none.json") } })
  for await (const _ of train(config)) break
}

describe("what a training will write at its end", () => {
  it.each([
    ["model", "file", /there is a file where the training will write a folder/],
    ["model", "link", /there is a link that leads to nothing/],
    ["tensorboard", "file", /a file where the training will write a folder/],
    ["metrics.jsonl", "folder", /there is a folder where the training will write a file/],
    ["data.index", "folder", /a folder where the training will write a file/],
    ["checkpoint-6", "file", /a file where the training will write a folder/],
    ["model/config.json", "folder", /a folder where the training will write a file/],
    ["model/model-00001-of-00002.safetensors", "folder", /a folder where the training will write a file/],
  ])("%s as a %s is told at the start", async (name, kind, what) => {
    const output = mkdtempSync(join(root, "out-"))
    const path = join(output, name)
    mkdirSync(dirname(path), { recursive: true })
    if (kind === "file") writeFileSync(path, "mine")
    else if (kind === "link") symlinkSync(join(root, "nowhere"), path)
    else mkdirSync(path)
    const before = readdirSync(output)
    await expect(start(output)).rejects.toThrow(
      expect.objectContaining({ where: path, message: expect.stringMatching(what) }),
    )
    // It stays as it was.
    expect(readdirSync(output)).toEqual(before)
  })

  it("folders and files of an earlier training, and links to them, are not in the way", async () => {
    const output = mkdtempSync(join(root, "out-"))
    const elsewhere = mkdtempSync(join(root, "elsewhere-"))
    symlinkSync(elsewhere, join(output, "model"))
    for (const name of ["checkpoint-6", "tensorboard", "mine"]) mkdirSync(join(output, name))
    for (const name of ["metrics.jsonl", "model/config.json"]) writeFileSync(join(output, name), "")
    await expect(start(output)).rejects.toThrow("there is no such model")
    requirePlaces({ files: [join(output, "metrics.jsonl"), join(output, "report.html")] })
  })
})
