/** A manifest tells a whole folder from a damaged one. */

import { createHash } from "node:crypto"
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { findDamage, MANIFEST_FILE, writeManifest } from "./manifest.js"
import { writeTensors } from "./safetensors/safetensors-writer.js"

let root: string
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "manifest-"))
})
afterEach(() => fs.rmSync(root, { recursive: true, force: true }))

const sha256 = (file: string): string => createHash("sha256").update(fs.readFileSync(file)).digest("hex")

it("the writer's digests are those of the files, whole or in shards", async () => {
  const entries = Array.from({ length: 3 }, (_, i) => ({
    name: `tensor${i}`,
    dtype: "uint8" as const,
    shape: [1000],
    data: () => (i === 1 ? [new Uint8Array(600).fill(i), new Uint8Array(400)] : new Uint8Array(1000).fill(i)),
  }))
  for (const maxShardBytes of [1e9, 1500]) {
    const written = await writeTensors(root, entries, { maxShardBytes })
    expect(written.size).toBe(maxShardBytes === 1e9 ? 1 : 3)
    for (const [name, digest] of written) {
      const file = path.join(root, name)
      expect(digest).toEqual({ bytes: fs.statSync(file).size, sha256: sha256(file) })
    }
  }
})

it("finds the file that changed, and its own damage", async () => {
  const at = (name: string): string => path.join(root, name)
  fs.writeFileSync(at("a"), "first")
  fs.writeFileSync(at("b"), "second")
  fs.chmodSync(at("b"), 0o444)
  await writeManifest(root, new Map())
  expect(await findDamage(root)).toBeUndefined()
  fs.writeFileSync(at("unlisted"), "does not matter")
  expect(await findDamage(root)).toBeUndefined()
  fs.writeFileSync(at("a"), "fir5t")
  expect(await findDamage(root)).toEqual({ file: at("a"), what: "its content is not what was written" })
  fs.writeFileSync(at("a"), "first!")
  expect(await findDamage(root)).toEqual({ file: at("a"), what: "it has 6 bytes, 5 were written" })
  fs.rmSync(at("a"))
  expect(await findDamage(root)).toEqual({ file: at("a"), what: "it is missing" })
  fs.writeFileSync(at("a"), "first")
  // Every byte of the manifest counts: damage to it is not blamed on the files.
  const manifest = fs.readFileSync(at(MANIFEST_FILE))
  for (let i = 0; i < manifest.length; i++) {
    const spoilt = Buffer.from(manifest)
    spoilt[i] ^= 1 << (i % 8)
    fs.writeFileSync(at(MANIFEST_FILE), spoilt)
    expect((await findDamage(root))?.file, `byte ${i}`).toBe(at(MANIFEST_FILE))
  }
})
