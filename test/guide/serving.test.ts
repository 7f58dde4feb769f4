/** docs/guide/serving.md, followed: its program runs, and its options are those of the command. Its container: dockerfile.test.ts. */

import { spawn } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { expect, it } from "vitest"
import { createProgram } from "../../src/cli/main.js"
import { collect } from "../support/program.js"

const root = resolve(import.meta.dirname, "../..")
const guide = readFileSync(join(root, "docs/guide/serving.md"), "utf8")

it("the guide's program runs: the same answer from a server and from a model here", async () => {
  const [, code] = /```ts\n(.*?)```/s.exec(guide)!
  const file = join(root, "build/guide/serving.ts")
  mkdirSync(join(root, "build/guide"), { recursive: true })
  writeFileSync(file, code)
  const { result } = collect(spawn(process.execPath, [join(root, "scripts/source.mjs"), file], { cwd: root }))
  const { code: status, out, err } = await result
  expect(`${status} ${err}`).toBe("0 ")
  const half = out.length / 2
  expect(out.length).toBeGreaterThan(2)
  expect(out.slice(0, half)).toBe(out.slice(half))
})

it("the guide names the options of the command, and only those", () => {
  const options = createProgram()
    .commands.find((command) => command.name() === "serve")!
    .options.map(({ long }) => long)
  const named = new Set([...guide.matchAll(/(?<![\w-])(--[a-z][a-z-]+)/g)].map(([, option]) => option))
  // Of curl, generate and chat.
  const others = ["--json", "--url", "--mode"]
  expect([...named].filter((option) => !options.includes(option) && !others.includes(option))).toEqual([])
  const plain = ["--dtype", "--device", "--help"]
  expect(options.filter((option) => !named.has(option!) && !plain.includes(option!))).toEqual([])
})
