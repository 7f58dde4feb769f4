import { describe, expect, test } from "vitest"
import { chooseConcepts, survivesMirror, THINGS, usableConcepts } from "./concepts.js"
import { describeAnswer } from "./questions.js"
import { randomStream } from "./random.js"
import { loadDrawings, loadEmojis, VENDORS } from "./sources.js"

const emojis = loadEmojis()
const named = (name: string) => emojis.find((emoji) => emoji.name === name)!

describe("sources", () => {
  test("emojibase's entries have names, groups and categories as text", () => {
    expect(named("red apple")).toMatchObject({ code: "1f34e", groupName: "food and drink", category: "fruit" })
    expect(named("candy").category).toBe("sweets and candy")
    expect(emojis.some((emoji) => emoji.name.includes("skin tone"))).toBe(false)
    expect(named("man's shoe").code).toBe("1f45e")
  })

  test("the vendors' drawings join by code point, with or without FE0F", () => {
    const codes = ["1f34e", "2764", "1f43b-200d-2744"]
    for (const vendor of VENDORS) {
      const drawings = loadDrawings(vendor)
      for (const code of codes) expect(drawings.svg(code)).toMatch(/^<svg .*viewBox="0 0 \d+ \d+".*<\/svg>$/s)
      expect(drawings.svg("nothing")).toBeUndefined()
    }
  })
})

describe("concepts", () => {
  test("usable are short names of the groups, no clock times", () => {
    const usable = usableConcepts(emojis)
    expect(usable.length).toBeGreaterThan(750)
    expect(usable.every((emoji) => THINGS.includes(emoji.group) && emoji.name.split(" ").length <= 3)).toBe(true)
    const names = usable.map((emoji) => emoji.name)
    expect(new Set(names).size).toBe(names.length)
    expect(names).toContain("alarm clock")
    expect(names.filter((name) => /o'clock|thirty/.test(name))).toEqual([])
  })

  test("a choice is fixed by its seed, skips what is turned down, and no name contains another", async () => {
    const usable = usableConcepts(emojis)
    const choose = (seed: number) =>
      chooseConcepts(usable, 200, seed, async ({ name }) => (name.startsWith("b") ? undefined : name))
    const names = await choose(1)
    expect(await choose(1)).toEqual(names)
    expect(await choose(2)).not.toEqual(names)
    expect(names.some((name) => name.startsWith("b"))).toBe(false)
    const inside = names.filter((name) => names.some((other) => other !== name && ` ${other} `.includes(` ${name} `)))
    expect(inside).toEqual([])
  })

  test("sided drawings do not survive a mirror", () => {
    expect(survivesMirror(named("dog face"))).toBe(true)
    expect(survivesMirror(named("waxing crescent moon"))).toBe(false)
    expect(survivesMirror(named("right arrow"))).toBe(false)
    expect(survivesMirror(named("leafy green"))).toBe(true)
  })
})

test("a description names the emoji, its group, category and a tag that says something new", () => {
  expect(describeAnswer(named("red apple"))).toBe(
    "The picture shows this: red apple. It belongs to food and drink, under fruit, and goes with health.",
  )
  expect(describeAnswer(named("gorilla"))).toBe(
    "The picture shows this: gorilla. It belongs to animals and nature, under mammals.",
  )
})

test("random streams repeat, differ by purpose, and cover their range", () => {
  const draw = (purpose: string) => {
    const random = randomStream(7, purpose)
    return Array.from({ length: 4000 }, () => random.below(10))
  }
  expect(draw("a")).toEqual(draw("a"))
  expect(draw("a")).not.toEqual(draw("b"))
  const counts = Array.from({ length: 10 }, (_, digit) => draw("a").filter((value) => value === digit).length)
  for (const count of counts) expect(Math.abs(count - 400)).toBeLessThan(100)
  expect(randomStream(7, "a").shuffle([1, 2, 3, 4, 5]).sort()).toEqual([1, 2, 3, 4, 5])
})
