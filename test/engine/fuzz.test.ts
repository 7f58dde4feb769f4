import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"

it("no overload crashes on wrong arity, wrong types or random arguments", () => {
  const script = fileURLToPath(new URL("./fuzz-overloads.mjs", import.meta.url))
  const dist = process.env.DIFFUSIONVL_DIST ?? fileURLToPath(new URL("../../dist", import.meta.url))
  const run = spawnSync(process.execPath, [script, dist], { encoding: "utf8", timeout: 110_000, maxBuffer: 2 ** 26 })
  const last = run.stdout.trim().split("\n").at(-1)
  expect(last, `stopped in ${last}: ${run.stderr.slice(-500)}`).toMatch(/^DONE \d+ overloads/)
})
