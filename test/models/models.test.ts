/** What can be done with each family, by doing it; docs/models.md is made from it (`npm run models`). */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { UserError } from "../../src/errors.js"
import { architectures } from "../../src/models/registry.js"
import { towerFamilies } from "../../src/models/towers/registry.js"
import { setThreads } from "../../src/torch/index.js"
import { TINY_MODELS, writeTinyModel } from "../support/tiny-models.js"
import { MECHANISMS } from "./mechanisms.js"
import { settle, testOf } from "./table.js"
import { CONNECTORS, proveVision, TINY_TOWERS } from "./vision-parts.js"

/** What no family needs, and is refused where it is not there. */
const OPTIONAL = new Set(["gguf"])

const root = mkdtempSync(join(tmpdir(), "models-"))
beforeAll(() => setThreads(1))
afterAll(() => rmSync(root, { recursive: true }))

/** What was found, by the names of the tests. */
const records = new Map<string, boolean>()

it("every family and every tower has a tiny one", () => {
  expect(Object.keys(TINY_MODELS).sort()).toEqual(
    architectures()
      .map(({ name }) => name)
      .sort(),
  )
  expect(Object.keys(TINY_TOWERS).sort()).toEqual(
    towerFamilies()
      .map(({ name }) => name)
      .sort(),
  )
})

describe.each(Object.keys(TINY_MODELS))("%s", (family) => {
  const folder = join(root, family)
  beforeAll(async () => {
    await writeTinyModel(folder, TINY_MODELS[family])
  })

  it.each(Object.keys(MECHANISMS).map((key) => [testOf(family, key), key]))("%s", async (name, key) => {
    const scratch = join(root, `${family}-${key}`)
    mkdirSync(scratch)
    let refusal: unknown
    try {
      await MECHANISMS[key].prove({ folder, scratch })
    } catch (error) {
      if (!(error instanceof UserError) || !OPTIONAL.has(key)) throw error
      refusal = error
    }
    if (refusal) expect((refusal as UserError).format()).toMatch(/is not supported; supported are/)
    records.set(name, refusal === undefined)
  })
})

describe.each(Object.keys(TINY_TOWERS))("%s", (tower) => {
  it.each(CONNECTORS.map((connector) => [testOf(tower, connector), connector]))("%s", (name, connector) => {
    proveVision(TINY_TOWERS[tower], connector)
    records.set(name, true)
  })
})

it("docs/models.md says what these tests found: npm run models", () => {
  const { written, wanted } = settle((row, column) => {
    const found = records.get(testOf(row, column))
    expect(found, `${testOf(row, column)} was not found out`).toBeDefined()
    return found!
  })
  expect(written).toBe(wanted)
})
