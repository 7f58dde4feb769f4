/** What documents and comments refer to exists: functions of docs/paper.md, sections of docs/reference.md, licences. */

import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { describe, expect, it } from "vitest"

const root = resolve(import.meta.dirname, "../..")
const read = (path: string): string => readFileSync(join(root, path), "utf8")
const paper = read("docs/paper.md")
const reference = read("docs/reference.md")

/** Rows of the table under a heading, as cells. */
function table(title: string): string[][] {
  const section = paper.split(/^## /m).find((part) => part.startsWith(`${title}\n`)) ?? ""
  const rows = section.split("\n").filter((line) => line.startsWith("|"))
  return rows.slice(2).map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

/** Names in paths: `name` or `Class.member`, in `path`. */
const pairsIn = (text: string): { name: string; path: string }[] =>
  [...text.matchAll(/`([\w.]+)` in `([^`]+)`/g)].map(([, name, path]) => ({ name, path }))

/** Whether a module exports this; of a class, whether it has that public member. */
function isDefined(name: string, source: string): boolean {
  const [top, member] = name.split(".")
  const found = new RegExp(
    `^export (?:abstract |async )?(?:function\\*?|class|const|interface|type) ${top}\\b`,
    "m",
  ).exec(source)
  if (!found || member === undefined) return found !== null
  const [body] = source.slice(found.index).split(/^}/m)
  return new RegExp(`^ {2}(?:static |readonly |async |get )*\\*?${member}\\b ?[(<:=]`, "m").test(body)
}

describe("docs/paper.md", () => {
  const pairs = pairsIn(paper)

  it("names many functions", () => expect(pairs.length).toBeGreaterThan(30))

  it.each(pairs)("$name in $path", ({ name, path }) => {
    expect(existsSync(join(root, path)), path).toBe(true)
    expect(isDefined(name, read(path)), `${path} exports ${name}`).toBe(true)
  })

  it("names only files that are there", () => {
    const paths = [...paper.matchAll(/`((?:src|recipes|docs|test|native)\/[^`*]*)`/g)].map(([, path]) => path)
    expect(paths.length).toBeGreaterThan(30)
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([])
  })

  it("has every equation, section, figure and table, each with what computes it or why nothing does", () => {
    const numbers = (title: string): string[] => [...new Set(table(title).flatMap(([first]) => first.split(", ")))]
    expect(numbers("Equations")).toEqual(["(1)", "(2)", "(3)", "(4)", "(5)", "(6)", "(7)"])
    expect(numbers("Figures")).toEqual(["1", "2", "3", "4", "5"])
    expect(numbers("Tables")).toEqual(["1", "2", "3", "4", "5"])
    expect(numbers("Sections")).toEqual([
      "1",
      "2",
      "2.1",
      "2.2",
      "3",
      "3.1",
      "3.2",
      "3.3",
      "3.4",
      "3.5",
      "4",
      "4.1",
      "4.2",
      "4.3",
      "4.4",
      "5",
      "6",
    ])
    for (const row of ["Equations", "Sections", "Figures", "Tables"].flatMap(table)) {
      const where = row[2]
      expect(pairsIn(where).length > 0 || /not yet: \w|^no code|^see equations$/.test(where), row.join(" | ")).toBe(
        true,
      )
    }
  })

  it("is read as written: a name that is not there is noticed", () => {
    const source = "export class Cache {\n  commit(rows: number) {}\n}\nexport const other = 1\nfunction inner() {}\n"
    const names = ["Cache", "Cache.commit", "other", "Cache.other", "inner", "Cach", "Cache.com"]
    expect(names.filter((name) => isDefined(name, source))).toEqual(["Cache", "Cache.commit", "other"])
  })
})

describe("what comments cite", () => {
  const files = ["src", "bench", "scripts", "test", "examples", "recipes", "native"].flatMap((folder) =>
    existsSync(join(root, folder))
      ? readdirSync(join(root, folder), { recursive: true })
          .map((name) => join(folder, String(name)))
          .filter((path) => /\.(ts|mjs|cc|h|py|yaml)$/.test(path) && !path.startsWith(join("test", "docs")))
      : [],
  )
  /** A source without its line breaks inside of comments. */
  const plain = (path: string): string => read(path).replace(/\n\s*(?:\*|\/\/|#) ?/g, " ")

  it("of docs/reference.md is one of its headings, savings or quirks", () => {
    const headings = new Set([...reference.matchAll(/^## (.+)$/gm)].map(([, heading]) => `"${heading}"`))
    const known = new Set([...headings, ...[...reference.matchAll(/^(?:- \*\*|\| )([SQ]\d+)\b/gm)].map(([, id]) => id)])
    expect(known.size - headings.size).toBe(20 + 34)
    const cited = files.flatMap((path) =>
      [...plain(path).matchAll(/docs\/reference\.md,? ("[^"]+"|[SQ]\d+)(?:(?: to|,) ([SQ]\d+))?/g)].flatMap(
        ([, first, last]) => [first, last].filter((one) => one !== undefined).map((one) => ({ path, one })),
      ),
    )
    expect(cited.length).toBeGreaterThan(12)
    expect(cited.filter(({ one }) => !known.has(one))).toEqual([])
    const mentions = files.flatMap((path) => [...plain(path).matchAll(/docs\/reference\.md/g)])
    expect(mentions.length, "each with a section").toBe(
      files.flatMap((path) => [...plain(path).matchAll(/docs\/reference\.md,? (?:"|[SQ]\d)/g)]).length,
    )
  })

  it("of docs/evaluation.md is one of its sections", () => {
    const sections = new Set(
      [...read("docs/evaluation.md").matchAll(/^#+ (\d+(?:\.\d+)?)\b/gm)].map(([, number]) => number),
    )
    const cited = files.flatMap((path) =>
      [...plain(path).matchAll(/evaluation\.md(?: (\d[\d.]*\d|\d)(?: and (\d+))?)?/g)].flatMap(([, first, second]) =>
        [first, second ?? first].map((number) => ({ path, number })),
      ),
    )
    expect(cited.length).toBeGreaterThan(60)
    expect(cited.filter(({ number }) => number !== undefined && !sections.has(number))).toEqual([])
  })

  it("is nothing outside of the repository", () => {
    expect(files.length).toBeGreaterThan(200)
    expect(files.filter((path) => /reference behaviou?r|(?<!github\.com\/)\bspec\/[a-z]+/i.test(plain(path)))).toEqual(
      [],
    )
  })

  it("of the paper are sections and equations that it has", () => {
    const sections = new Set(table("Sections").map(([number]) => number))
    const cited = files.flatMap((path) =>
      [...plain(path).matchAll(/\(paper, (section|equation)s? (\d(?:\.\d)?)/g)].map(([, kind, number]) => ({
        path,
        kind,
        number,
      })),
    )
    expect(cited.length).toBeGreaterThan(5)
    expect(
      cited.filter(({ kind, number }) => (kind === "section" ? !sections.has(number) : !/^[1-7]$/.test(number))),
    ).toEqual([])
  })
})

describe("licences", () => {
  const { license: own, files: shipped, dependencies, devDependencies } = JSON.parse(read("package.json"))
  const notice = read("NOTICE")

  it("the one of package.json is there, and ships", () => {
    expect(own).toBe("Apache-2.0")
    expect(read("LICENSE")).toMatch(/Apache License\s+Version 2\.0, January 2004[\s\S]+END OF TERMS AND CONDITIONS/)
    expect(shipped).toEqual(expect.arrayContaining(["LICENSE", "NOTICE"]))
  })

  it("NOTICE names every folder of files that tests compare with", () => {
    const folders = readdirSync(join(root, "test/fixtures"))
    expect(folders.length).toBeGreaterThan(5)
    expect(folders.filter((name) => !new RegExp(`[/ ]${name}/`).test(notice))).toEqual([])
  })

  it("NOTICE names the models that ship and what they were made from, with the licences their packages state", () => {
    const models = readdirSync(join(root, "models"))
    expect(models.length).toBeGreaterThan(2)
    expect(models.filter((name) => !notice.includes(`models/${name}`))).toEqual([])
    const drawings = Object.keys({ ...dependencies, ...devDependencies }).filter((name) =>
      name.startsWith("@iconify-json/"),
    )
    expect(drawings.length).toBe(4)
    for (const name of drawings) {
      const { author, license } = JSON.parse(read(`node_modules/${name}/info.json`))
      const entry = notice.split("\n").findIndex((line) => line.includes(`package ${name}`))
      const lines = notice
        .split("\n")
        .slice(entry - 1, entry + 1)
        .join("\n")
      for (const part of [author.name, author.url, license.spdx]) expect(lines, name).toContain(part)
    }
  })
})
