/** What a snapshot lacks to be a model, found without the hub: links to nothing, shards that its index or names promise. */
import fs from "node:fs/promises"
import path from "node:path"
import { INDEX_FILE, readIndex, SINGLE_FILE } from "../checkpoint/safetensors-index.js"

const SHARD = /^(.*-)(\d{5})-of-(\d{5})(\.safetensors)$/

/**
 * Names of missing files, sorted; empty when nothing is known to be missing.
 * @throws UserError when the index of the weights is damaged
 */
export async function missingFiles(snapshot: string): Promise<string[]> {
  const names = await fs.readdir(snapshot).catch(() => [])
  const there = new Set<string>()
  const missing = new Set<string>()
  for (const name of names) {
    const found = await fs.stat(path.join(snapshot, name)).catch(() => undefined)
    if (found) there.add(name)
    else missing.add(name)
  }
  const expect = (name: string) => {
    if (!there.has(name)) missing.add(name)
  }
  expect("config.json")
  if (there.has(SINGLE_FILE)) return [...missing].sort()
  const shards = [...there].map((name) => SHARD.exec(name)).filter((match) => match !== null)
  if (there.has(INDEX_FILE)) for (const shard of readIndex(path.join(snapshot, INDEX_FILE)).values()) expect(shard)
  else if (shards.length > 0) {
    expect(INDEX_FILE)
    const [, before, , count, after] = shards[0]
    // A number from a name: never more shards than a model could have.
    for (let i = 1; i <= Math.min(Number(count), 1000); i++)
      expect(`${before}${String(i).padStart(5, "0")}-of-${count}${after}`)
  } else if (!names.some((name) => /\.(safetensors|bin|pth|pt|ckpt)$/.test(name))) missing.add(SINGLE_FILE)
  return [...missing].sort()
}
