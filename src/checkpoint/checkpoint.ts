/** The weights of a model folder as canonical tensors, by the rules of its layout; strict. Loads no weights, knows no family. */
import fs from "node:fs"
import path from "node:path"
import { UserError } from "../errors.js"
import { label } from "../readable.js"
import { isFloatType } from "./element-types.js"
import {
  fillName,
  isJoin,
  isSplit,
  type JoinRule,
  type Layout,
  matchName,
  type RenameRule,
  type Rule,
  ruleOfStored,
  type SplitRule,
} from "./layout.js"
import { joinOf, locationsOf, readView, reorderOf, sliceOf, type TensorView } from "./tensor-view.js"
import { openWeights, readWeightFile } from "./weight-files.js"

/** The two names that every architecture has. */
export const EMBEDDING = "model.embed_tokens.weight"
export const HEAD = "lm_head.weight"

/** What the weights of a model should be. */
export interface WantedTensors {
  /** Layouts that the model may have: the first whose names are there, else the first that is known by none. */
  layouts: readonly Layout[]
  /** Canonical name → shape, in the order of the model's parameters. */
  expected: ReadonlyMap<string, readonly number[]>
  /** Whether the head is the embedding. */
  tie: boolean
  /** Tensors of other folders, by stored names, of what the model's own files lack. */
  elsewhere?(stored: ReadonlySet<string>): readonly (readonly [name: string, view: TensorView])[]
}

export interface ArrangedTensors {
  layout: Layout
  /** Canonical name → where its bytes are, or what makes them. Exactly the names and shapes of `expected`, in its order. */
  tensors: Map<string, TensorView>
}

export interface LocatedTensors extends ArrangedTensors {
  /** Weight files in use, base names. */
  weightFiles: string[]
  /** Weight files that lie in the folder and are deliberately not read. */
  ignoredFiles: string[]
}

/**
 * Finds the tensors of a model in its folder. Files that belong to another layout, such as the leftovers of a conversion
 * beside trained shards, are ignored.
 * @throws UserError naming missing, unexpected or mis-shaped tensors; nothing is filled in at random.
 */
export function locateTensors(folder: string, wanted: WantedTensors): LocatedTensors {
  const main = openWeights(folder)
  const layout = layoutOf([...main.keys()], wanted.layouts)
  const others = wanted.layouts.flatMap(({ beside }) => beside?.files ?? [])
  const ignoredFiles = others.filter(
    (file) => !layout.beside?.files.includes(file) && fs.existsSync(path.join(folder, file)),
  )
  const found = [...main, ...openBeside(folder, layout)]
  const stored = [...found, ...(wanted.elsewhere?.(new Set(found.map(([name]) => name))) ?? [])]
  const { tensors } = arrangeTensors(stored, { ...wanted, layouts: [layout] }, folder)
  const weightFiles = [...tensors.values()].flatMap(locationsOf).map(({ file }) => path.basename(file))
  return { layout, tensors, weightFiles: [...new Set(weightFiles)].sort(), ignoredFiles }
}

/**
 * Tensors of whatever files, by their stored names, as those of a model.
 * @param where the folder or file that they are from, for errors
 * @throws UserError naming missing, unexpected or mis-shaped tensors
 */
export function arrangeTensors(
  stored: readonly (readonly [name: string, view: TensorView])[],
  { layouts, expected, tie }: WantedTensors,
  where: string,
): ArrangedTensors {
  const names = stored.map(([name]) => name)
  const layout = layoutOf(names, layouts)
  const { tensors, unexpected } = canonicalTensors(stored, layout, where)
  if (tie) dropRedundantHead(tensors, where)
  requireExactly(expected, tensors, unexpected, where)
  // One order whatever the layout: sums over all weights, such as the gradient norm, are then the same bits.
  return { layout, tensors: new Map([...expected.keys()].map((name) => [name, tensors.get(name)!])) }
}

function layoutOf(names: readonly string[], layouts: readonly Layout[]): Layout {
  const isNamed = ({ when }: Layout): boolean =>
    when !== undefined && names.some((name) => matchName(when, name) !== undefined)
  return layouts.find(isNamed) ?? layouts.find(({ when }) => when === undefined) ?? layouts[0]
}

function canonicalTensors(
  stored: readonly (readonly [name: string, view: TensorView])[],
  layout: Layout,
  folder: string,
): { tensors: Map<string, TensorView>; unexpected: string[] } {
  const tensors = new Map<string, TensorView>()
  const unexpected: string[] = []
  const joins = new Map<string, { rule: JoinRule; parts: TensorView[]; first: string }>()
  const put = (canonical: string, view: TensorView, name: string): void => {
    if (tensors.has(canonical))
      throw new UserError(`two tensors are both ${canonical}, one of them ${label(name)}`, { where: folder })
    tensors.set(canonical, view)
  }
  for (const [name, view] of stored) {
    if (layout.ignored?.some((pattern) => matchName(pattern, name) !== undefined)) continue
    const match = ruleOfStored(layout, name, fileOf(view))
    if (!match) {
      unexpected.push(name)
      continue
    }
    const { rule, index, values } = match
    if (isSplit(rule)) {
      for (const [i, share] of shares(rule, view, rule.canonical.length, name, folder).entries())
        put(fillName(rule.canonical[i], values), share, name)
    } else if (isJoin(rule)) {
      const canonical = fillName(rule.canonical, values)
      const join = joins.get(canonical) ?? { rule, parts: [], first: name }
      if (join.parts[index])
        throw new UserError(`two tensors are the same part of ${canonical}, one of them ${label(name)}`, {
          where: folder,
        })
      join.parts[index] = view
      joins.set(canonical, join)
    } else
      put(fillName((rule as RenameRule).canonical, values), reordered(rule as RenameRule, view, name, folder), name)
  }
  for (const [canonical, { rule, parts, first }] of joins) {
    // Of an incomplete one the parts that are there say what is wrong: the whole is missing.
    if (rule.stored.every((_, i) => parts[i])) put(canonical, joined(rule, parts, first, folder), first)
  }
  return { tensors, unexpected }
}

const fileOf = (view: TensorView): string => path.basename(locationsOf(view)[0]?.file ?? "")

/** The parts of a fused tensor. */
export function shares(
  rule: Exclude<Rule, RenameRule>,
  of: TensorView,
  count: number,
  name: string,
  folder?: string,
): TensorView[] {
  const total = of.shape[rule.axis] ?? 0
  const sizes = rule.sizes ?? Array.from({ length: count }, () => total / count)
  if (sizes.reduce((a, b) => a + b, 0) !== total || !sizes.every(Number.isInteger))
    throw new UserError(`${label(name)} is [${of.shape.join(", ")}], which does not divide into its ${count} parts`, {
      where: folder,
    })
  let start = 0
  return sizes.map((size) => {
    start += size
    return sliceOf(of, rule.axis, start - size, size)
  })
}

function joined(rule: JoinRule | SplitRule, parts: readonly TensorView[], name: string, folder: string): TensorView {
  try {
    return joinOf(parts, rule.axis)
  } catch (cause) {
    throw new UserError(`${label(name)} and the tensors that belong to it do not fit together`, {
      where: folder,
      cause,
    })
  }
}

function reordered({ reorder }: RenameRule, of: TensorView, name: string, folder: string): TensorView {
  if (!reorder) return of
  try {
    return reorderOf(of, reorder)
  } catch (cause) {
    throw new UserError(`${label(name)} is [${of.shape.join(", ")}], not in the order that its layout has`, {
      where: folder,
      cause,
    })
  }
}

/** Tensors of the files beside the main ones. */
function openBeside(folder: string, { beside }: Layout): [string, TensorView][] {
  if (!beside) return []
  const absent = beside.files.filter((file) => !fs.existsSync(path.join(folder, file)))
  if (absent.length > 0)
    throw new UserError(`${beside.what} are missing: ${absent.join(" and ")}`, { where: folder, fix: beside.fix })
  return beside.files.flatMap((file) => [...readWeightFile(path.join(folder, file))])
}

/** Some tools store the head of a tied model a second time. Equal bytes do no harm; others would be silently lost. */
function dropRedundantHead(tensors: Map<string, TensorView>, folder: string): void {
  const head = tensors.get(HEAD)
  const embedding = tensors.get(EMBEDDING)
  if (!head || !embedding) return
  if (!sameBytes(head, embedding))
    throw new UserError("lm_head.weight differs from the embedding although the config ties them", {
      where: folder,
      fix: 'Set "tie_word_embeddings" to false in config.json if the head was trained on its own.',
    })
  tensors.delete(HEAD)
}

function sameBytes(a: TensorView, b: TensorView): boolean {
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return false
  const pieces = readView(b)
  for (const piece of readView(a)) if (Buffer.compare(piece, pieces.next().value as Uint8Array) !== 0) return false
  return true
}

function requireExactly(
  expected: ReadonlyMap<string, readonly number[]>,
  tensors: ReadonlyMap<string, TensorView>,
  foreign: string[],
  folder: string,
): void {
  const missing = [...expected.keys()].filter((name) => !tensors.has(name))
  const unexpected = [...foreign, ...[...tensors.keys()].filter((name) => !expected.has(name))].map(label)
  const unfit: string[] = []
  for (const [name, shape] of expected) {
    const found = tensors.get(name)
    if (!found) continue
    if (found.shape.join() !== shape.join())
      unfit.push(`${name} is [${found.shape.join(", ")}], not [${shape.join(", ")}]`)
    else if (!isFloatType(found.dtype)) unfit.push(`${name} is ${found.dtype}, not a float type`)
  }
  const problems = [
    missing.length > 0 && `${count(missing)} missing: ${list(missing)}`,
    unexpected.length > 0 && `${count(unexpected)} unexpected: ${list(unexpected)}`,
    unfit.length > 0 && `${count(unfit)} of the wrong kind: ${list(unfit)}`,
  ].filter((problem) => problem !== false)
  if (problems.length > 0)
    throw new UserError(`weights and config.json do not fit: ${problems.join("; ")}`, {
      where: folder,
      fix: "Check that config.json and the weight files come from the same model.",
    })
}

function count(names: string[]): string {
  return names.length === 1 ? "1 tensor" : `${names.length} tensors`
}

function list(sentences: string[]): string {
  const names = sentences.slice(0, 5)
  return names.length === sentences.length ? names.join(", ") : `${names.join(", ")} and ${sentences.length - 5} more`
}
