/** YAML recipes: read, overridden from the command line, and checked against a schema. Knows no key. */

import { readFileSync, statSync } from "node:fs"
import { isMap, isNode, isScalar, isSeq, LineCounter, type ParsedNode, parseDocument } from "yaml"
import type { z } from "zod"
import { decodeUtf8, foreignFormat } from "../../data/encoding.js"
import { UserError } from "../../errors.js"
import { firstOf, readable } from "../../readable.js"
import { readingFailure } from "../../system-failures.js"
import { requireNoUrl } from "../../url.js"
import { type Override, type SetKey, withOverrides } from "./overrides.js"
import { problemsOf, valueAt } from "./recipe-problems.js"

/** Bytes of a recipe: those that ship have less than 3,000. */
const LARGEST = 256 * 1024
const DEEPEST = 32
/** Lists and sections in a recipe, those that aliases repeat included. */
const MOST_ALIASES = 100

type Path = readonly PropertyKey[]

/** Plain values, and on which line of the file they stand. */
interface Read {
  value: unknown
  lineOf: (path: Path) => number | undefined
}

/** What a file is called where it cannot be read, and an example of one. */
export interface FileKind {
  noun: string
  example: string
  /** A line that it may have. */
  line: string
}
const RECIPE: FileKind = { noun: "recipe", example: "recipes/qwen2.5-vl-3b.yaml", line: "model: org/name" }

/** Parses YAML text against a schema; every problem is named with its line. */
export function parseYaml<T extends z.ZodType>(schema: T, text: string, where: string): z.output<T> {
  return checked(schema, read(text, where), { set: [], placeOf: (path) => path }, where)
}

/** Reads a file of another kind than a recipe. */
export function readYamlFile<T extends z.ZodType>(schema: T, path: string, kind: FileKind): z.output<T> {
  return checked(schema, read(readText(path, kind), path), { set: [], placeOf: (path) => path }, path, kind)
}

/** Reads a recipe; `overrides` ("train.max_steps=10") win over the file. */
export function readRecipe<T extends z.ZodType>(
  schema: T,
  path: string,
  overrides: readonly Override[] = [],
): z.output<T> {
  return readRecipes(schema, path, overrides, (value) => [{ value }])[0]
}

/** A recipe that a file holds, perhaps one of several. */
export interface RecipeInFile {
  value: unknown
  /** The section of the file with the keys of this one alone; the others stand where they are. */
  section?: Path
  /** What it is called among the others. */
  name?: string
}

/**
 * Reads a file that may hold several recipes.
 * @param split makes of the file's value those that are checked
 */
export function readRecipes<T extends z.ZodType>(
  schema: T,
  path: string,
  overrides: readonly Override[],
  split: (value: unknown) => readonly RecipeInFile[],
): z.output<T>[] {
  const file = read(readText(path), path)
  const { value: whole, set } = withOverrides(file.value, overrides, (text, where) => read(text, where).value)
  const recipes = split(whole)
  requireEffect(whole, recipes, set)
  return recipes.map(({ value, section = [], name }, i) => {
    const placeOf = (key: Path): Path => (isAt(whole, [...section, ...key]) ? [...section, ...key] : key)
    // What stands in the file for all of them, and was right for those before, is wrong in this one.
    const of = (place: Path): string => (i > 0 && section.some((part, i) => part !== place[i]) ? ` (${name})` : "")
    return checked(schema, { value, lineOf: file.lineOf }, { set, placeOf, of }, path)
  })
}

/** @throws UserError for a key that was typed, and that every recipe of the file says anew */
function requireEffect(whole: unknown, recipes: readonly RecipeInFile[], set: readonly SetKey[]): void {
  for (const { path, option } of set) {
    // Of a section some keys may count.
    if (typeof valueAt(whole, path) === "object") continue
    const counts = ({ section }: RecipeInFile): boolean => !section || !isAt(whole, [...section, ...path])
    if (recipes.some(counts)) continue
    const key = path.join(".")
    throw new UserError(`every entry of ${String(recipes[0].section![0])} says its own ${key}, which wins`, {
      where: option ?? `--set ${readable(key)}`,
      fix: `set it there: --set ${readable(`${recipes[0].section!.join(".")}.${key}`)}=…`,
    })
  }
}

/** Whether a key is there. */
const isAt = (value: unknown, path: Path): boolean => valueAt(value, path) !== undefined

function readText(path: string, { noun, example }: FileKind = RECIPE): string {
  requireNoUrl(path, noun)
  const fix = `give the path of a YAML file, such as ${example}`
  const bad = (what: string, cause?: unknown): UserError =>
    new UserError(what, { where: readable(path, 200), fix, cause })
  let bytes: Buffer
  try {
    // Looked at before it is opened: opening a pipe waits for its writer.
    const found = statSync(path)
    if (!found.isFile()) throw bad(`the ${noun} is not a regular file`)
    if (found.size > LARGEST)
      throw bad(`the ${noun} has ${Math.ceil(found.size / 1024)} KiB, more than the ${LARGEST / 1024} allowed`)
    bytes = readFileSync(path)
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    throw bad(`the ${noun} cannot be read: ${readingFailure(cause)}`, cause)
  }
  const foreign = foreignFormat(bytes)
  if (foreign) throw bad(`the ${noun} is ${foreign.what}, not YAML in UTF-8`)
  const text = decodeUtf8(bytes)
  if (typeof text !== "string") throw bad(`the ${noun} is not UTF-8: its byte ${text.badByte} is no character`)
  if (/[\0-\x08\x0e-\x1f]/.test(text)) throw bad(`the ${noun} has control characters: it is no text file`)
  return text
}

function read(text: string, where: string): Read {
  const lines = new LineCounter()
  const bad = (what: string, at?: number): UserError =>
    new UserError(`${at === undefined ? "" : `line ${lines.linePos(at).line}: `}${what}`, {
      where,
      fix: "mend the YAML",
    })
  try {
    // Duplicate keys are found below: the library compares every key with every other one.
    const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false })
    const [error] = [...document.errors, ...document.warnings]
    if (error?.code === "MULTIPLE_DOCS") throw bad("there are several documents in it (---)", error.pos[0])
    // The library catches its own overflow of the stack.
    if (error?.message.includes("call stack")) throw new RangeError()
    if (error) throw bad(readable(error.message, 200), error.pos[0])
    checkNodes(document.contents, 0, bad)
    const lineOf = (path: Path): number | undefined => {
      const node = document.getIn([...path], true)
      const range = isNode(node) ? node.range : undefined
      return range ? lines.linePos(range[0]).line : undefined
    }
    return { value: document.toJS({ maxAliasCount: MOST_ALIASES }), lineOf }
  } catch (cause) {
    if (cause instanceof RangeError) throw bad(`it nests more than ${DEEPEST} levels deep`)
    if (cause instanceof ReferenceError) throw bad("its aliases (*name) repeat too much, or name nothing")
    throw cause
  }
}

/** Keys must be words that come once, and nothing may nest deeply. */
function checkNodes(node: ParsedNode | null, depth: number, bad: (what: string, at?: number) => UserError): void {
  if (depth > DEEPEST) throw bad(`it nests more than ${DEEPEST} levels deep`, node?.range?.[0])
  if (isSeq(node)) for (const item of node.items) checkNodes(item as ParsedNode, depth + 1, bad)
  if (!isMap(node)) return
  const seen = new Set<string>()
  for (const { key, value } of node.items as { key: ParsedNode; value: ParsedNode | null }[]) {
    const at = key?.range?.[0]
    if (!isScalar(key) || key.value === null || key.value === "__proto__") throw bad("a key is not a word", at)
    const name = String(key.value)
    if (seen.has(name)) throw bad(`the key ${readable(name)} stands twice in the same section`, at)
    seen.add(name)
    checkNodes(value, depth + 1, bad)
  }
}

function checked<T extends z.ZodType>(
  schema: T,
  { value, lineOf }: Read,
  { set, placeOf, of = () => "" }: { set: readonly SetKey[]; placeOf(path: Path): Path; of?(place: Path): string },
  where: string,
  { noun, line }: FileKind = RECIPE,
): z.output<T> {
  if (typeof value !== "object" || Array.isArray(value))
    throw new UserError(`the ${noun} is ${Array.isArray(value) ? "a list" : "a value"}, not keys with values`, {
      where,
      fix: `write a key and its value on each line, such as ${line}`,
    })
  const parsed = schema.safeParse(value ?? {})
  if (parsed.success) return parsed.data
  const problems = problemsOf(parsed.error.issues, value ?? {}, schema)
  // Lines are looked up for those that are shown only.
  const shown = problems.slice(0, 11).map(({ path: key, what }) => {
    const path = placeOf(key)
    const name = readable(path.join("."))
    const given = set.findLast(({ path: of }) => of.every((part, i) => i >= path.length || part === String(path[i])))
    if (given?.option !== undefined && given.path.length <= path.length) return `${given.option}: ${what}`
    const line = given ? undefined : lineOf(path)
    return `${given ? "--set " : line === undefined ? "" : `line ${line}: `}${name === "" ? "" : `${name}: `}${what}${of(path)}`
  })
  const rest = Array<string>(problems.length - shown.length).fill("")
  throw new UserError(firstOf([...shown, ...rest]).join("\n  "), {
    where,
    fix: "mend what is named; a key that is left out has its default",
  })
}
