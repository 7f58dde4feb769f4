/** Which files of a dataset are the split that is wanted, by the names that the hub's datasets have. */

import { UserError } from "../../errors.js"
import { firstOf, label } from "../../readable.js"
import { isDataFile } from "./data-files.js"

export interface Split {
  /** Folder or beginning of the names, where it is known. */
  files?: string
  config?: string
  split?: string
}

const SHARD = /^(.*-)(\d{5})-of-(\d{5})(.*)$/

/**
 * Files of the split, in the order of their names.
 * @param paths of the dataset, slash-separated
 * @param where the dataset, for errors
 * @throws UserError when there is none, or some of them are missing, or more than one split could be meant
 */
export function chooseFiles(paths: readonly string[], split: Split, where: string): string[] {
  const data = preferred(paths.filter(isDataFile)).sort()
  for (const matches of rulesOf(split)) {
    const chosen = data.filter(matches)
    if (chosen.length === 0) continue
    requireShards(chosen, where)
    return chosen
  }
  if (data.length === 1 && !isOfAnother(data[0], split.split)) return data
  const wanted = [split.config, split.split].filter((part) => part !== undefined).join(", ")
  throw new UserError(
    data.length === 0
      ? "there is no data in it"
      : wanted
        ? `none of its files is of ${wanted}`
        : "it has several files, and which of them are meant is not said",
    {
      where,
      fix:
        data.length === 0
          ? "it must hold Parquet, TSV, CSV, JSON or JSONL files, unpacked; what datasets saves to disk (Arrow) is written by its to_parquet"
          : `it has ${firstOf(data.map(label)).join(", ")}: name one of them, or rename`,
    },
  )
}

/** Many datasets are there as Parquet and as what it was made of. */
function preferred(paths: readonly string[]): string[] {
  const parquet = paths.filter((path) => /\.parquet$/i.test(path))
  return parquet.length > 0
    ? parquet
    : paths.filter((path) => !/(^|\/)(dataset_infos?|dataset_dict|state|package|config)\.json$/.test(path))
}

/** The rules from the most to the least particular; the first that any file satisfies counts. */
function* rulesOf({ files, config, split }: Split): Generator<(path: string) => boolean> {
  if (files) yield (path) => path.startsWith(files)
  const isSplit = (name: string): boolean => split === undefined || name === split || name.startsWith(`${split}-`)
  const parts = (path: string): string[] => path.replace(/\.\w+$/, "").split("/")
  const [folders, last] = [(path: string) => parts(path).slice(0, -1), (path: string) => parts(path).at(-1) as string]
  if (config) {
    // config/test-00000-of-00001, config/test/0000 and data/config/…
    yield (path) => folders(path).at(-1) === config && isSplit(last(path))
    yield (path) => folders(path).at(-2) === config && folders(path).at(-1) === split
    yield (path) => split !== undefined && folders(path).at(-1) === config && last(path).includes(split)
    // A folder of the config alone, whose files have other names.
    yield (path) => folders(path).at(-1) === config && !/^(train|test|val|validation|dev)\b/.test(last(path))
  }
  if (!split) return
  yield (path) => ["", "data"].includes(folders(path).join("/")) && isSplit(last(path))
  yield (path) => ["default", "data"].includes(folders(path)[0]) && isSplit(last(path))
  yield (path) => folders(path).at(-1) === split
}

/** Splits, by the words that name them: a file with none of them may be any. */
const SPLITS = [["train"], ["test"], ["val", "valid", "validation", "dev"]]

function isOfAnother(path: string, split: string | undefined): boolean {
  const words = path.toLowerCase().split(/[^a-z]+/)
  const named = SPLITS.filter((names) => names.some((name) => words.includes(name)))
  const wanted = SPLITS.find((names) => names.includes(split ?? ""))
  return wanted !== undefined && named.length > 0 && !named.includes(wanted)
}

/** @throws UserError when the names say that there are more files than are there */
function requireShards(files: readonly string[], where: string): void {
  const there = new Set(files)
  for (const file of files) {
    const [, before, , count, after] = SHARD.exec(file) ?? []
    // A number from a name: no dataset has more.
    for (let i = 0; i < Math.min(Number(count ?? 0), 10_000); i++) {
      const name = `${before}${String(i).padStart(5, "0")}-of-${count}${after}`
      if (!there.has(name))
        throw new UserError(`${label(name)} is missing: it is one of ${Number(count)} files`, {
          where,
          fix: "download the dataset again",
        })
    }
  }
}
