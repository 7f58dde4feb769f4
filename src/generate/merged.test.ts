import { setTimeout } from "node:timers/promises"
import { expect, it } from "vitest"
import { merged } from "./merged.js"

async function* counting(name: string, count: number, log: string[] = []): AsyncGenerator<string> {
  log.push(`begin ${name}`)
  try {
    for (let i = 0; i < count; i++) {
      await setTimeout(1)
      yield `${name}${i}`
    }
  } finally {
    log.push(`end ${name}`)
  }
}

it("gives what each yields, in its order, so many at a time", async () => {
  const log: string[] = []
  const seen: string[] = []
  for await (const event of merged(3, 2, (i) => counting("abc"[i], 3 - i, log))) {
    if ("value" in event) seen.push(event.value)
    if (event.index < 2 && !log.includes("end a") && !log.includes("end b")) expect(log).not.toContain("begin c")
  }
  expect(seen.filter((value) => value.startsWith("a"))).toEqual(["a0", "a1", "a2"])
  expect([...seen].sort()).toEqual(["a0", "a1", "a2", "b0", "b1", "c0"])
})

it("one that throws does not stop the others", async () => {
  async function* failing(): AsyncGenerator<string> {
    yield "x"
    throw new Error("broken")
  }
  const seen: unknown[] = []
  for await (const event of merged(2, 2, (i) => (i === 0 ? failing() : counting("a", 3))))
    seen.push("error" in event ? (event.error as Error).message : event.value)
  expect(seen).toHaveLength(5)
  expect(seen).toContain("broken")
  expect(seen.at(-1)).toBe("a2")
})

it("stops them all when nobody listens any more", async () => {
  const log: string[] = []
  for await (const _ of merged(5, 2, (i) => counting(String(i), 100, log))) break
  expect(log.sort()).toEqual(["begin 0", "begin 1", "end 0", "end 1"])
})
