/** Things that lie where a file should. */

import { spawnSync } from "node:child_process"
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { basename } from "node:path"
import type { Random } from "../../../src/data/prng.js"
import { pick } from "./values.js"

const KINDS = [
  "nothing",
  "a folder",
  "a link to itself",
  "a FIFO",
  "/dev/zero",
  "a link to nowhere",
  "an empty file",
] as const

/** Puts something in the place of `path`; gives what. */
export function placeOddFile(random: Random, path: string): string {
  const kind = pick(random, KINDS)
  rmSync(path, { force: true })
  if (kind === "a folder") mkdirSync(path)
  else if (kind === "a link to itself") symlinkSync(basename(path), path)
  else if (kind === "a FIFO") spawnSync("mkfifo", [path])
  else if (kind === "/dev/zero") symlinkSync("/dev/zero", path)
  else if (kind === "a link to nowhere") symlinkSync("/nowhere/at/all", path)
  else if (kind === "an empty file") writeFileSync(path, "")
  return `${basename(path)} is ${kind}`
}
