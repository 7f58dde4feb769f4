/** The files that go with a model: everything that loaders look for, contents rather than links, files only. */

import { execFileSync } from "node:child_process"
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { auxiliaryFiles, copyFiles, filesBesideWeights } from "./auxiliary-files.js"

const LOADED = [
  "added_tokens.json",
  "chat_template.jinja",
  "chat_template.json",
  "generation_config.json",
  "merges.txt",
  "preprocessor_config.json",
  "processing_mine.py",
  "processor_config.json",
  "special_tokens_map.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "video_preprocessor_config.json",
  "vocab.json",
]
const OTHERS = ["LICENSE", "README.md", "trainer_state.json"]
const WEIGHTS = [
  ".gitattributes",
  "model.safetensors",
  "pytorch_model.bin",
  "model.safetensors.index.json",
  "config.json",
]

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "auxiliary-"))
  mkdirSync(join(root, "model", "additional_chat_templates"), { recursive: true })
  for (const name of [...LOADED, ...OTHERS, ...WEIGHTS]) writeFileSync(join(root, "model", name), name)
  writeFileSync(join(root, "model", "additional_chat_templates", "tools.jinja"), "{{ tools }}")
})
afterEach(() => rmSync(root, { recursive: true }))

const TEMPLATE = join("additional_chat_templates", "tools.jinja")

it("a saved model gets what loaders look for, a converted one everything but weights", () => {
  const model = join(root, "model")
  expect(auxiliaryFiles(model)).toEqual([...LOADED, TEMPLATE])
  const written = ["config.json", "model.safetensors.index.json"]
  expect(filesBesideWeights(model, written).sort()).toEqual([...LOADED, ...OTHERS, TEMPLATE].sort())
})

it("folders, pipes and dangling links of such names are no files", () => {
  const model = join(root, "odd")
  mkdirSync(join(model, "tokenizer.json"), { recursive: true })
  execFileSync("mkfifo", [join(model, "merges.txt")])
  symlinkSync("nowhere", join(model, "vocab.json"))
  expect(auxiliaryFiles(model)).toEqual([])
})

it("contents are copied into files of their own", async () => {
  const [model, copy] = [join(root, "linked"), join(root, "copy")]
  mkdirSync(model)
  symlinkSync(join(root, "model", "vocab.json"), join(model, "vocab.json"))
  chmodSync(join(root, "model", "vocab.json"), 0o444)
  mkdirSync(join(model, "additional_chat_templates"))
  writeFileSync(join(model, TEMPLATE), "{{ tools }}")
  await copyFiles(model, copy, auxiliaryFiles(model))
  expect(readdirSync(copy).sort()).toEqual(["additional_chat_templates", "vocab.json"])
  const vocabulary = lstatSync(join(copy, "vocab.json"))
  expect(vocabulary.isFile()).toBe(true)
  expect(vocabulary.mode & 0o200).toBe(0o200)
  expect(readFileSync(join(copy, TEMPLATE), "utf8")).toBe("{{ tools }}")
})
