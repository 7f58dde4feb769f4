/** The tokenizers of a folder of golden files, by family. Most model folders have a cut one: the largest is the whole. */

import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Tokenizer } from "../../src/text/tokenizer/tokenizer.js"
import { Mismatch } from "./check.js"
import type { FixtureFolder } from "./folder.js"

/** A token that only tokenizers of the family have. */
const MARKS = { qwen: "<|im_start|>", llada: "<|start_header_id|>" } as const
export type TokenizerFamily = keyof typeof MARKS

const loaded = new WeakMap<FixtureFolder, Map<TokenizerFamily, Tokenizer>>()

export function tokenizerOf(family: TokenizerFamily, folder: FixtureFolder): Tokenizer {
  const known = loaded.get(folder) ?? new Map<TokenizerFamily, Tokenizer>()
  loaded.set(folder, known)
  const tokenizer = known.get(family) ?? Tokenizer.load(folderOf(family, folder))
  known.set(family, tokenizer)
  return tokenizer
}

function folderOf(family: TokenizerFamily, folder: FixtureFolder): string {
  let best: { folder: string; size: number } | undefined
  for (const { folder: model } of folder.models.models) {
    const file = join(model, "tokenizer.json")
    if (!existsSync(file)) continue
    const text = readFileSync(file, "utf8")
    if (text.includes(MARKS[family]) && text.length > (best?.size ?? 0)) best = { folder: model, size: text.length }
  }
  if (!best) throw new Mismatch(`no model in the folder has a tokenizer of the ${family} family`)
  return best.folder
}
