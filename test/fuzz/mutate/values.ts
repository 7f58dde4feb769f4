/** Values that programs are not ready for. */

import type { Random } from "../../../src/data/prng.js"

export const below = (random: Random, n: number): number => Math.floor(random() * n)
export const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)]

/** JSON text that `JSON.stringify` would not write, standing in a value until `render` puts it there. */
export class Raw {
  constructor(
    readonly text: string,
    readonly name: string,
  ) {}
}

const NUMBERS = [
  0,
  -0,
  1,
  -1,
  2,
  3,
  7,
  8,
  13,
  14,
  27,
  64,
  255,
  256,
  1000,
  65_535,
  65_536,
  1e5,
  1e6,
  1e7,
  1e9,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 63,
  1e20,
  1e300,
  -2,
  -8,
  -1e9,
  -(2 ** 31),
  -1e300,
  0.5,
  -0.5,
  0.1,
  1.5,
  1e-6,
  1e-38,
  1e-45,
  1e-300,
  5e-324,
  0.999999,
]

const STRINGS = [
  "",
  " ",
  "x",
  "0",
  "12",
  "true",
  "<image>",
  "<image><image>",
  "<|im_end|>",
  "\u0000",
  "a\u0000b",
  "\ud800",
  "🦓".repeat(3),
  "é",
  "é",
  "‮abc",
  "../../etc/passwd",
  "/dev/zero",
  ".",
  "http://127.0.0.1:9/x.png",
  "data:image/png;base64,AAAA",
  "file:///etc/hostname",
  "\u001b[31mred",
  "%s%d",
  "{{ x }}",
  "{% for x in y %}",
  "(a+)+$",
  "[",
  "a\nb\r\n",
  "__proto__",
  "constructor",
  "toString",
]

const KEYS = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "length", "then", "", "0", "a.b"]

export const oddNumber = (random: Random): number =>
  random() < 0.8 ? pick(random, NUMBERS) : (random() - 0.5) * 10 ** below(random, 12)

export const oddString = (random: Random): string =>
  random() < 0.9
    ? pick(random, STRINGS)
    : pick(random, ["a", "é", "🦓", " ", "\n", "ab "]).repeat(1 << below(random, 17))

export const oddKey = (random: Random): string => (random() < 0.8 ? pick(random, KEYS) : oddString(random))

export function oddValue(random: Random): unknown {
  const nested = (): Raw => {
    const depth = pick(random, [50, 2000, 200_000])
    const [open, close] = pick(random, [
      ["[", "]"],
      ['{"a":', "}"],
    ])
    return new Raw(`${open.repeat(depth)}0${close.repeat(depth)}`, `${open}… ${depth} deep`)
  }
  switch (below(random, 12)) {
    case 0:
      return null
    case 1:
      return random() < 0.5
    case 2:
      return oddString(random)
    case 3:
      return []
    case 4:
      return {}
    case 5:
      return [oddNumber(random), oddNumber(random)]
    case 6:
      return { [`a${below(random, 9)}`]: oddString(random) }
    case 7:
      return pick(random, ["NaN", "Infinity", "-Infinity", "1e400", "-1e999", "0x10", "01", "1.", "+1"].map(raw))
    case 8:
      return random() < 0.5 ? nested() : Array.from({ length: 1 << below(random, 17) }, () => 1)
    default:
      return oddNumber(random)
  }
}

const raw = (text: string): Raw => new Raw(text, text)
