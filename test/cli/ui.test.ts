/** The views of the command line, on a small terminal and on a plain stream. */

import { join, resolve } from "node:path"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { DenoiseView } from "../../src/cli/ui/denoise.js"
import { formatBytes, formatCount, formatDuration } from "../../src/cli/ui/format.js"
import { PartProgress } from "../../src/cli/ui/parts.js"
import { shownPath } from "../../src/cli/ui/path.js"
import { Progress } from "../../src/cli/ui/progress.js"
import { formatTable } from "../../src/cli/ui/table.js"
import { columnsOf, shorten } from "../../src/cli/ui/width.js"
import { PlainStream, Terminal } from "./terminal.js"

describe("width", () => {
  it("counts columns, not code units", () => {
    expect(columnsOf("abc")).toBe(3)
    expect(columnsOf("日本")).toBe(4)
    expect(columnsOf("👩‍🌾")).toBe(2)
    expect(columnsOf("e\u0301")).toBe(1)
    expect(columnsOf("\u001b[36mred\u001b[39m")).toBe(3)
  })

  it("shortens to what fits", () => {
    expect(shorten("diffusion", 20)).toBe("diffusion")
    expect(shorten("diffusion", 5)).toBe("diff…")
    expect(shorten("日本語文字", 6)).toBe("日本…")
  })
})

describe("format", () => {
  it("reads as people write", () => {
    expect(formatDuration(0.44)).toBe("0.4 s")
    expect(formatDuration(59.4)).toBe("59 s")
    expect(formatDuration(185)).toBe("3 min 05 s")
    expect(formatDuration(7800)).toBe("2 h 10 min")
    expect(formatDuration(Number.POSITIVE_INFINITY)).toBe("?")
    expect(formatBytes(16_240_000)).toBe("16.2 MB")
    expect(formatBytes(512)).toBe("512 B")
    expect(formatCount(1_653_000)).toBe("1.65 M")
    expect(formatCount(999_700)).toBe("1 M")
  })
})

describe("path", () => {
  it("is short near the working directory, and whole elsewhere", () => {
    expect(shownPath(resolve("runs/a/report.html"))).toBe(join("runs", "a", "report.html"))
    expect(shownPath(resolve("../a/report.html"))).toBe(join("..", "a", "report.html"))
    expect(shownPath("../../a/report.html")).toBe(resolve("../../a/report.html"))
  })
})

describe("table", () => {
  it("aligns text left and numbers right", () => {
    const table = formatTable([
      ["model", "naming", "forwards"],
      ["autoregressive", 55.5, 1],
      ["block 8 日", "7 %", undefined],
    ])
    expect(table).toBe(
      [
        "model           naming  forwards",
        "──────────────  ──────  ────────",
        "autoregressive    55.5         1",
        "block 8 日         7 %",
      ].join("\n"),
    )
  })

  it("numbers stay right where one is missing", () => {
    const table = formatTable([["a"], ["12.5"], ["–"], ["not run"]])
    expect(table.split("\n").slice(2)).toEqual(["   12.5", "      –", "not run"])
  })

  it("works without a header and without rows", () => {
    expect(
      formatTable(
        [
          ["a", 1],
          ["bb", 20],
        ],
        { header: false, indent: 2 },
      ),
    ).toBe("  a    1\n  bb  20")
    expect(formatTable([])).toBe("")
  })
})

describe("progress", () => {
  it("redraws one line at most ten times a second, tells the time left, and ends with a line that stays", () => {
    const terminal = new Terminal(60)
    let writes = 0
    let time = 0
    const stream = {
      isTTY: true,
      columns: 60,
      write: (text: string) => {
        writes += 1
        terminal.write(text)
      },
    }
    const progress = new Progress("training", { stream, now: () => time })
    for (let step = 0; step <= 400; step += 1) {
      time = step * 10
      progress.update(step, 1000, "loss 1.20")
    }
    expect(writes).toBeLessThanOrEqual(41)
    expect(terminal.screen).toBe("training · 40 % · loss 1.20 · 6.0 s left")
    progress.note("checkpoint saved")
    expect(terminal.screen).toBe("checkpoint saved\ntraining · 40 % · loss 1.20 · 6.0 s left")
    progress.finish()
    expect(terminal.screen).toBe("checkpoint saved\ntraining · 4.0 s\n")
  })

  it("counts the rate of a resumed job from where it resumed", () => {
    let time = 0
    const stream = new Terminal(80)
    const progress = new Progress("training", { stream, now: () => time })
    progress.update(900, 1000)
    time = 10_000
    progress.update(950, 1000)
    expect(stream.screen).toContain("95 % · 10 s left")
  })

  it("writes a plain line now and then where there is no terminal", () => {
    let time = 0
    const stream = new PlainStream()
    const progress = new Progress("download", { stream, plainEvery: 10, now: () => time })
    for (time = 0; time < 25_000; time += 100) progress.update(time, 50_000)
    progress.finish("done")
    const lines = stream.text.trimEnd().split("\n")
    expect(lines).toHaveLength(4)
    expect(lines[2]).toBe("download · 40 % · 30 s left")
    expect(stream.text).not.toContain("\u001b")
  })

  it("of parts is a line for each, which says what is left of all", () => {
    let time = 0
    const terminal = new Terminal(80)
    const progress = new PartProgress({ stream: terminal, now: () => time })
    progress.note("nothing runs yet")
    progress.update("training", 1, 2)
    time = 3_000
    progress.update("answers", 1, 4, "1 of 4 answers", 9)
    expect(terminal.screen).toBe(
      "nothing runs yet\ntraining · 3.0 s\nanswers · 25 % · 1 of 4 answers · 9.0 s left in all",
    )
    progress.note("stopped")
    progress.end("nothing to end")
    expect(terminal.screen).toBe("nothing runs yet\ntraining · 3.0 s\nstopped\n")
  })

  it("never draws past the border", () => {
    const terminal = new Terminal(20)
    new Progress("a label that is long", { stream: terminal }).update(1, 2, "and details that are longer")
    expect(columnsOf(terminal.screen)).toBeLessThan(20)
    expect(terminal.screen).toMatch(/^a label that is/)
  })
})

describe("denoising view", () => {
  const masked = (count: number) => Array.from({ length: count }, () => null)

  it("redraws the block in place and leaves the final text", () => {
    const terminal = new Terminal(40)
    const view = new DenoiseView({ stream: terminal, color: true })
    view.show({ type: "text", text: "A cat" })
    view.show({ type: "step", cells: masked(4) })
    expect(terminal.screen).toBe("A cat▒▒▒▒")
    view.show({ type: "step", cells: [null, null, " sofa", "."] })
    expect(terminal.screen).toBe("A cat▒▒ sofa.")
    view.show({ type: "text", text: " on a sofa." })
    view.finish()
    expect(terminal.screen).toBe("A cat on a sofa.\n")
  })

  it("writes only final text where there is no terminal", () => {
    const stream = new PlainStream()
    const view = new DenoiseView({ stream })
    view.show({ type: "step", cells: masked(8) })
    view.show({ type: "text", text: "A cat" })
    view.show({ type: "step", cells: masked(8) })
    view.show({ type: "text", text: ".\n" })
    view.finish()
    expect(stream.text).toBe("A cat.\n")
  })

  it("removes a block that was never fixed", () => {
    const terminal = new Terminal(40)
    const view = new DenoiseView({ stream: terminal })
    view.show({ type: "text", text: "stopped" })
    view.show({ type: "step", cells: masked(60) })
    view.finish()
    expect(terminal.screen).toBe("stopped\n")
  })

  it("leaves exactly the text, whatever its width, its line breaks and the window", () => {
    const piece = fc.string({ unit: fc.constantFrom("a", "bc ", "日", "🐱", "\n", "e\u0301", "word "), maxLength: 12 })
    const block = fc.record({ cells: fc.array(fc.option(piece, { nil: null }), { maxLength: 8 }), text: piece })
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 30 }), fc.array(block, { maxLength: 6 }), (columns, blocks) => {
        const terminal = new Terminal(columns)
        const view = new DenoiseView({ stream: terminal, color: false })
        for (const { cells, text } of blocks) {
          view.show({ type: "step", cells: cells.map(() => null) })
          view.show({ type: "step", cells })
          view.show({ type: "text", text })
        }
        view.finish()
        const expected = new Terminal(columns)
        expected.write(blocks.map(({ text }) => text).join(""))
        expect(terminal.screen.trimEnd()).toBe(expected.screen.trimEnd())
      }),
    )
  })
})
