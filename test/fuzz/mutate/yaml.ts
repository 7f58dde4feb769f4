/** What only YAML can say: anchors, tags, merges, other numbers; and settings of the command line. */

import type { Random } from "../../../src/data/prng.js"
import type { Mutated } from "./json.js"
import { below, oddKey, oddString, pick } from "./values.js"

const VALUES = [
  ".nan",
  ".inf",
  "-.inf",
  "0o17",
  "0x1F",
  "1_000",
  "1e400",
  "~",
  "yes",
  "!!binary AAAA",
  "!!set {a}",
  "!x y",
  "*a",
  "&a [*a]",
  "<<",
  "2001-12-14",
  "|",
  ">",
  "'",
  '"',
  "{",
  "[",
  "- - -",
  "? a",
  "%",
  "@",
  "!!int x",
  "!!float 1",
  "99999999999999999999",
]

/** An anchor in an anchor, ten times over in each: 10^n values. */
const bomb = (levels: number): string =>
  Array.from(
    { length: levels },
    (_, i) =>
      `a${i}: &a${i} [${Array(10)
        .fill(i === 0 ? "x" : `*a${i - 1}`)
        .join(",")}]`,
  ).join("\n")

export function mutateYaml(random: Random, text: string): Mutated {
  const lines = text.split("\n")
  const at = below(random, lines.length)
  const done = (what: string): Mutated => ({ bytes: Buffer.from(lines.join("\n")), what })
  switch (below(random, 8)) {
    case 0:
      lines.splice(at, 1)
      return done(`without line ${at + 1}`)
    case 1:
      lines.splice(at, 0, lines[at])
      return done(`line ${at + 1} twice`)
    case 2:
      lines[at] = `  ${lines[at]}`
      return done(`line ${at + 1} indented`)
    case 3:
      lines.push(bomb(pick(random, [2, 5, 9])))
      return done("with anchors of anchors")
    case 4: {
      const count = pick(random, [3, 300, 10_000])
      lines.push(...Array.from({ length: count }, (_, i) => `key${i}: ${i}`))
      return done(`with ${count} keys more`)
    }
    case 5:
      lines.splice(
        at,
        0,
        pick(random, ["---", "...", "%YAML 9.9", "\t- x", "? ? ?", "<<: *nowhere", "__proto__: {a: 1}"]),
      )
      return done(`with ${lines[at]} before line ${at + 1}`)
    default: {
      const value = pick(random, VALUES)
      lines[at] = lines[at].replace(/:.*/, `: ${value}`)
      return done(`line ${at + 1} is ${lines[at]}`)
    }
  }
}

/** KEY=VALUE for --set. */
export function oddSetting(random: Random, keys: readonly string[]): string {
  const key =
    random() < 0.8 ? pick(random, keys) : pick(random, ["", ".", "..", "a", "model.x", "train", oddKey(random)])
  const value =
    random() < 0.6 ? pick(random, [...VALUES, "0", "-1", "1e9", "1e300", "0.5", "", "[]", "{}"]) : oddString(random)
  return random() < 0.95 ? `${key}=${value}` : key
}
