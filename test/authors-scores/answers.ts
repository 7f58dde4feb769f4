/** Invented answers: letters, decorated and not, sentences, numbers, options quoted, Unicode, nothing. */

import type { Random } from "../../src/data/prng.js"

const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)]
const below = (random: Random, n: number): number => Math.floor(random() * n)

const DECORATED = [
  ...[
    "#",
    "#",
    "#",
    "#.",
    "#,",
    "#:",
    "#)",
    "#).",
    "(#)",
    "(#).",
    ":#",
    ":#,",
    ":#.",
    ":#)",
    ":#).",
    "[#]",
    "*#*",
    "'#'",
  ],
  ...[
    "Option #",
    "option #",
    "Answer: #",
    "The answer is #",
    "the answer is #.",
    "The answer: #",
    "#. because",
    "# is right",
  ],
  ...["Neither # nor", "#, so", "#\nbecause", " #", "#!", "#?", "#;", ".#.", ",.#!", "\t#", "\u00a0#\u3000"],
]
const SENTENCES = [
  ...[
    "yes",
    "no",
    "Yes.",
    "No, it is not",
    "not sure",
    "I do not know",
    "Nope",
    "y",
    "n",
    "yesterday",
    "The answer is yes",
  ],
  ...[
    "This is the final answer",
    "therefore it could be",
    "x = ",
    "so",
    "the result is",
    "also a cat",
    "thus",
    "none",
    "A dog",
  ],
  ...[
    "A big red car is in the picture",
    "Dog",
    "USA is big",
    "GIF or PNG",
    "one",
    "Ten",
    "three of them",
    "half",
    "unknown",
  ],
  ...[
    "thus 5",
    "therefore a cat",
    "could be 3",
    "the final 4",
    "my answer B",
    "a result 6",
    "so x = 7",
    "it is = ",
    "is .",
    "Failed to obtain answer via API",
    "There is no text in it at all",
    "the answer is A and the option is B",
    "'",
    ".",
    ":",
  ],
]
const UNICODE = [
  ...[
    "naïve",
    "ÉCOLE",
    "ΟΔΟΣ",
    "ὈΔΥΣΣΕΎΣ",
    "straße",
    "猫",
    "𝐀",
    "Ａ",
    "а",
    "Ⅷ",
    "²",
    "½",
    "٣",
    "𝟛",
    "e\u0301",
    "😀",
    "_",
    "ǅ",
  ],
  ...[
    "\ufeffA",
    "A\u200b",
    "\u0085B\u0085",
    "\x1cC\x1f",
    "\u2003D\u2003",
    "\u2028",
    "\u180e",
    "x\u00a0y",
    "“A”",
    "A—B",
    "ﬁ",
  ],
]
const SEPARATORS = ["", " ", " ", " ", ", ", ". ", "\n", " and ", " is ", " = ", ": ", " so ", "; ", "\u00a0", "-", "("]

function number(random: Random): string {
  const digits = (most: number): string => String(below(random, 10 ** (1 + below(random, most))))
  const plain = pick(random, [
    () => digits(4),
    () => `${digits(2)}.${digits(3)}`,
    () => `.${digits(2)}`,
    () => `${digits(2)}.`,
    () => `${1 + below(random, 999)},${String(below(random, 1000)).padStart(3, "0")}`,
    () => `${digits(2)}e${below(random, 4)}`,
    () => `${digits(1)}.${digits(1)}E-${below(random, 3)}`,
    () => `${digits(3)}.${digits(1)}25`,
    () => `${digits(1)}_000`,
    () =>
      pick(random, [
        "٣٫٥",
        "٣",
        "１２",
        "𝟛.𝟝",
        "inf",
        "NaN",
        "-Infinity",
        "1e400",
        "0x10",
        "1__0",
        "0",
        "-0",
        "5 %",
        "½",
      ]),
  ])()
  return pick(random, [
    "#",
    "#",
    "#",
    "#",
    "-#",
    "+#",
    "$#",
    "#%",
    "#%%",
    "#kg",
    "(#)",
    "# cm",
    "#/7",
    "#,",
    "#.",
    "= #",
  ]).replace("#", () => plain)
}

const decorated = (random: Random, letter: string): string => pick(random, DECORATED).replace("#", letter)

/** The gold, or off by about a twentieth. */
function near(random: Random, gold: string): string {
  const value = Number(gold)
  if (gold === "" || !Number.isFinite(value)) return pick(random, [gold, gold.toUpperCase(), ` ${gold}`, `${gold}.`])
  return String(value * pick(random, [1, 1.05, 0.95, 1.051, 0.949, 1.0499999, 0.01]))
}

export interface Known {
  /** What an answer may quote. */
  options: readonly string[]
  gold: string
  /** How many answers are meant to be right. */
  right: number
}

export function answerTo(random: Random, known: Known): string {
  if (random() < known.right)
    return /^[A-Za-z]$/.test(known.gold) ? decorated(random, known.gold) : near(random, known.gold)
  const letter = (): string => pick(random, [..."ABCDABCDABCDEFJabcd"])
  const option = (): string => pick(random, known.options.length > 0 ? known.options : ["cat"])
  const piece = (): string =>
    pick(random, [
      () => decorated(random, letter()),
      () => decorated(random, letter()),
      () => pick(random, SENTENCES),
      () => pick(random, UNICODE),
      () => number(random),
      () => near(random, known.gold),
      () => pick(random, [option, () => option().toUpperCase(), () => option().toLowerCase()])(),
      () => `${letter()}. ${option()}`,
      () => "",
    ])()
  const pieces = pick(random, [0, 1, 1, 1, 1, 2, 2, 3, 6])
  let answer = ""
  for (let i = 0; i < pieces; i++) answer += (i > 0 ? pick(random, SEPARATORS) : "") + piece()
  return answer
}
