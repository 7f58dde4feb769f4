import { describe, expect, it } from "vitest"
import { MemoryBudget } from "./engine/memory.js"
import { Places } from "./places.js"

const settled = async (promise: Promise<unknown>): Promise<boolean> => {
  let done = false
  void promise.then(
    () => (done = true),
    () => (done = true),
  )
  await new Promise((turn) => setImmediate(turn))
  return done
}

describe("Places", () => {
  it("lets so many in, and the others wait in their order", async () => {
    const places = new Places({ running: 2, waiting: 3 })
    const tickets = Array.from({ length: 5 }, () => places.enter())
    expect(() => places.enter()).toThrow(expect.objectContaining({ status: 429, retryAfter: 1 }))
    const starts = tickets.map((ticket) => ticket.start(1))
    expect(await Promise.all(starts.map(settled))).toEqual([true, true, false, false, false])
    tickets[1].leave()
    tickets[1].leave()
    expect(await Promise.all(starts.map(settled))).toEqual([true, true, true, false, false])
    expect([places.running, places.waiting, places.tickets]).toEqual([2, 2, 4])
    // One leaves that waits, and all the others.
    const refused = expect(starts[4]).rejects.toThrow()
    for (const ticket of tickets.toReversed()) ticket.leave()
    await refused
    await Promise.allSettled(starts)
    expect([places.running, places.waiting, places.tickets]).toEqual([0, 0, 0])
  })

  it("one that leaves while it waits takes no place, and those behind it move up", async () => {
    const places = new Places({ running: 3, waiting: 9 })
    const [first, large, small] = [places.enter(), places.enter(), places.enter()]
    await first.start(2)
    const leaving = new AbortController()
    const refused = large.start(3, leaving.signal)
    const waits = small.start(1)
    // Nobody overtakes: one that wants much would never get it.
    expect(await settled(waits)).toBe(false)
    leaving.abort(new Error("left"))
    await expect(refused).rejects.toThrow("left")
    expect(await settled(waits)).toBe(true)
    expect(places.running).toBe(3)
    for (const ticket of [first, large, small]) ticket.leave()
    expect(places.running).toBe(0)
  })

  it("one that wants more than there is gets it when it is alone", async () => {
    const places = new Places({ running: 2, waiting: 2 })
    const [one, all] = [places.enter(), places.enter()]
    await one.start(1)
    const start = all.start(16)
    expect(await settled(start)).toBe(false)
    one.leave()
    await start
    expect(places.running).toBe(16)
  })
})

describe("MemoryBudget", () => {
  it("gives what there is in order, and refuses what there will never be", async () => {
    const budget = new MemoryBudget(10)
    const first = await budget.take(6)
    await expect(budget.take(11)).rejects.toMatchObject({ status: 400, code: "context_length_exceeded" })
    const leaving = new AbortController()
    const refused = budget.take(8, leaving.signal)
    const waits = budget.take(4)
    expect(await settled(waits)).toBe(false)
    leaving.abort(new Error("left"))
    await expect(refused).rejects.toThrow("left")
    const second = await waits
    expect(budget.used).toBe(10)
    first()
    first()
    second()
    expect(budget.used).toBe(0)
  })
})
