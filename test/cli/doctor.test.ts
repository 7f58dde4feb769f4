/** The doctor tells everything it can, also where the engine is missing. */

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { doctor, type Fact } from "../../src/cli/doctor.js"

function facts(): { code: number; facts: Map<string, Fact> } {
  let text = ""
  const code = doctor({ json: true, write: (piece) => (text += piece) })
  return { code, facts: new Map((JSON.parse(text) as Fact[]).map((fact) => [fact.name, fact])) }
}

describe("doctor", () => {
  // First: once the engine is loaded it stays.
  it("says what to run where the engine is missing, and goes on with the rest", () => {
    const folder = mkdtempSync(join(tmpdir(), "doctor-"))
    const before = process.env.DIFFUSIONVL_NATIVE
    process.env.DIFFUSIONVL_NATIVE = folder
    try {
      const { code, facts: found } = facts()
      expect(code).toBe(1)
      expect(found.get("libtorch")).toMatchObject({ failed: true, value: expect.stringContaining("npm run setup") })
      expect(found.get("processor")?.failed).toBeUndefined()
      expect(found.get("free disk")?.failed).toBeUndefined()
    } finally {
      if (before === undefined) delete process.env.DIFFUSIONVL_NATIVE
      else process.env.DIFFUSIONVL_NATIVE = before
      rmSync(folder, { recursive: true })
    }
  })

  it("measures and reports on a machine that is set up", () => {
    const { code, facts: found } = facts()
    expect([...found.values()].filter((fact) => fact.failed)).toEqual([])
    expect(code).toBe(0)
    expect(found.get("auto")?.value).toMatch(/, (float32|bfloat16): /)
    expect(found.get("memory speed")?.value).toMatch(/\d+(\.\d+)? [MGT]B\/s read/)
    expect(found.get("products")?.value).toMatch(/float32 [\d.e-]+ TFLOP\/s, bfloat16 [\d.e-]+ TFLOP\/s/)
  })
})
