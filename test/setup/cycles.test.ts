/** No file imports itself by way of others, types included: each can be read, and moved, with what is below it only. */

import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import ts from "typescript"
import { describe, expect, it } from "vitest"

type Graph = ReadonlyMap<string, readonly string[]>

const root = resolve(import.meta.dirname, "../..")

/** Files of these folders, from the root, each with those of them that it imports, dynamically too. */
function importsOf(...folders: string[]): Graph {
  const files = folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)),
    )
    .filter((name) => name.endsWith(".ts"))
  return new Map(
    files.map((file) => {
      const { importedFiles } = ts.preProcessFile(readFileSync(join(root, file), "utf8"))
      const relatives = importedFiles.flatMap(({ fileName }) =>
        fileName.startsWith(".") ? [join(dirname(file), fileName).replace(/\.js$/, ".ts")] : [],
      )
      return [file, relatives.filter((name) => existsSync(join(root, name)))]
    }),
  )
}

/** One cycle for each import that closes one, as its files in order. */
function cyclesIn(graph: Graph): string[][] {
  const finished = new Set<string>()
  const found: string[][] = []
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file)
    if (start >= 0) found.push([...path.slice(start), file])
    if (start >= 0 || finished.has(file)) return
    for (const next of graph.get(file) ?? []) visit(next, [...path, file])
    finished.add(file)
  }
  for (const file of graph.keys()) visit(file, [])
  return found
}

describe("import cycles", () => {
  it("are found, with the way around", () => {
    const graph = new Map([
      ["a", ["b", "c"]],
      ["b", ["d"]],
      ["c", ["d"]],
      ["d", ["e", "c"]],
      ["e", []],
      ["f", ["f"]],
    ])
    expect(cyclesIn(graph)).toEqual([
      ["d", "c", "d"],
      ["f", "f"],
    ])
  })

  it("are nowhere in src, examples and test", () => {
    const graph = importsOf("src", "examples", "test")
    expect(graph.get(join("src", "torch", "tensor.ts"))).toContain(join("src", "torch", "call.ts"))
    expect(graph.get(relative(root, import.meta.filename))).toEqual([])
    expect(cyclesIn(graph).map((files) => files.join(" → "))).toEqual([])
  })
})
