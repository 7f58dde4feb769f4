/** The fuzzers' own machinery: faults are found and told apart, cases are the same again, mutations change something. */

import { readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { randomFrom } from "../../src/data/prng.js"
import { mutateBytes } from "./mutate/bytes.js"
import { mutateJson, mutateValue, render } from "./mutate/json.js"
import { runFuzzers } from "./runner.js"
import { excess } from "./watch.js"

describe("runFuzzers", () => {
  it("finds every kind of fault, and goes on behind a process that died", async () => {
    const { findings, tallies } = await runFuzzers({ seed: 5, targets: ["broken"], cases: 8 })
    expect(findings.map(({ number, fault }) => [number, fault])).toEqual([
      [2, "crash (SIGKILL)"],
      [3, "crash (exit 3)"],
      [4, "not a UserError"],
      [5, "raw wording: undefined"],
      [6, "an error that nobody waits for"],
      [7, "nonsense"],
    ])
    expect(tallies.get("broken")).toEqual({ accepted: 1, refused: 1, findings: 6 })
    const [{ saved, again, what }] = findings
    expect(again).toBe("npm run fuzz -- --target broken --seed 5 --case 2")
    expect(readFileSync(join(saved, "input"), "utf8")).toBe("2")
    expect(readFileSync(join(saved, "finding.txt"), "utf8")).toContain(what)
    for (const finding of findings) rmSync(finding.saved, { recursive: true })
  })

  it("does not pass when a target cannot begin", async () => {
    const run = runFuzzers({ seed: 5, targets: ["refused"], cases: 9 })
    await expect(run).rejects.toThrow("the valid input is refused")
  })
})

describe("excess", () => {
  const start = { rss: 2 ** 28, cpu: 1 }
  const at = (seconds: number, cpu: number, rss = start.rss): string | undefined => excess(seconds, start, { rss, cpu })

  it("is a gigabyte more, 10 s of work, or 10 s of nothing", () => {
    expect(at(1, 2)).toBeUndefined()
    expect(at(1, 2, 1.1 * 2 ** 30)).toBeUndefined()
    expect(at(1, 2, 1.3 * 2 ** 30)).toBe("more than 1 GB")
    expect(at(11, 11.5)).toBe("more than 10 s")
    expect(at(11, 1)).toBe("more than 10 s")
  })

  it("does not count that the machine was busy with something else", () => {
    expect(at(20, 5)).toBeUndefined()
    expect(at(150, 9)).toBe("more than 10 s")
  })
})

describe("mutations", () => {
  const value = { a: 1, b: [1, 2, { c: "x" }], d: { e: null, f: 0.5 } }

  it("are the same for the same seed, and leave the original alone", () => {
    const before = JSON.stringify(value)
    for (let seed = 0; seed < 200; seed++) {
      const [one, two] = [mutateJson(randomFrom(seed), value), mutateJson(randomFrom(seed), value)]
      expect(one.what).toBe(two.what)
      expect(Buffer.compare(one.bytes, two.bytes)).toBe(0)
    }
    expect(JSON.stringify(value)).toBe(before)
  })

  it("change most of what they are given, and keep most of it JSON", () => {
    const before = JSON.stringify(value)
    const texts = Array.from({ length: 2000 }, (_, seed) => render(mutateValue(randomFrom(seed), value).value))
    expect(texts.filter((text) => text !== before).length).toBeGreaterThan(1800)
    const parsed = texts.filter((text) => {
      try {
        return JSON.parse(text) !== undefined
      } catch {
        return false
      }
    })
    expect(parsed.length).toBeGreaterThan(1400)
    expect(texts.some((text) => text.includes('"__proto__"'))).toBe(true)
  })

  it("of bytes change bytes", () => {
    const bytes = Buffer.alloc(500, 0x55)
    const changed = Array.from({ length: 100 }, (_, seed) => mutateBytes(randomFrom(seed), bytes))
    expect(changed.filter(({ bytes: other }) => Buffer.compare(other, bytes) !== 0).length).toBeGreaterThan(70)
    expect(bytes.every((byte) => byte === 0x55)).toBe(true)
  })
})
