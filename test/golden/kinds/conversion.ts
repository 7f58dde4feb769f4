/** Golden cases of the authors' converter: a model folder and what they made of it, as files or as a list of hashes. */

import { createHash } from "node:crypto"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { readJsonObject } from "../../../src/checkpoint/json.js"
import { readHeader, readPieces, type TensorLocation } from "../../../src/checkpoint/safetensors/safetensors.js"
import { convert } from "../../../src/paradigms/convert.js"
import { expectEqual } from "../check.js"
import type { FixtureFolder, JsonDocument } from "../folder.js"
import { has, isObject } from "../json.js"
import type { ShelfModel } from "../models.js"
import type { FixtureGroup } from "../types.js"

type Manifest = Record<string, { tensors: Record<string, { dtype: string; shape: number[]; sha256: string }> }>

const SUFFIX = "-converted"
/** What of config.json the reference writes about this model; the rest of its top level describes another one. */
const CONFIG_KEYS = [
  "model_type",
  "text_config",
  "vision_config",
  "enable_bd3lm",
  "bd3lm_block_size",
  "image_token_id",
  "video_token_id",
  "vision_start_token_id",
  "vision_end_token_id",
  "vision_token_id",
]

/** Whether a document lists the tensors of converted files. */
export const isConversionManifest = ({ value }: JsonDocument): boolean =>
  isObject(value) && Object.keys(value).length > 0 && Object.values(value).every((file) => has(file, "tensors"))

export function discoverConversions(folder: FixtureFolder): FixtureGroup[] {
  const manifests = new Map(
    folder.documents.filter(isConversionManifest).map((document) => [basename(document.path).split(".")[0], document]),
  )
  return folder.models.models.flatMap((source): FixtureGroup[] => {
    const name = source.name + SUFFIX
    const reference = folder.models.models.find((model) => model.name === name)
    const manifest = manifests.get(name)
    if (!reference && !manifest) return []
    if (!source.supported) return [{ kind: `conversion, ${source.modelType}`, skipped: 1 }]
    const run = (): Promise<void> => checkConversion(source, reference, manifest?.value as Manifest | undefined)
    return [{ kind: "conversion", cases: [{ id: source.name, run }] }]
  })
}

async function checkConversion(
  source: ShelfModel,
  reference: ShelfModel | undefined,
  manifest: Manifest | undefined,
): Promise<void> {
  const temporary = mkdtempSync(join(tmpdir(), "diffusionvl-convert-"))
  try {
    const out = join(temporary, "converted")
    await convert(source.folder, out, { layout: "converted" })
    if (reference) checkFiles(out, reference.folder)
    if (manifest) checkManifest(out, manifest)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

function checkFiles(out: string, reference: string): void {
  for (const file of readdirSync(reference).filter((name) => name.endsWith(".safetensors")))
    expectEqual(
      readFileSync(join(out, file)).equals(readFileSync(join(reference, file))),
      true,
      `${file} has the same bytes`,
    )
  const [ours, expected] = [out, reference].map((folder) => readJsonObject(join(folder, "config.json")))
  for (const key of CONFIG_KEYS) expectEqual(sorted(ours[key]), sorted(expected[key]), `config.json, ${key}`)
  const vision = "vision_config.json"
  if (existsSync(join(reference, vision))) {
    const { transformers_version: _, ...values } = readJsonObject(join(reference, vision))
    expectEqual(sorted(readJsonObject(join(out, vision))), sorted(values), vision)
  }
}

function checkManifest(out: string, manifest: Manifest): void {
  for (const [file, { tensors }] of Object.entries(manifest)) {
    const written = readHeader(join(out, file)).tensors
    expectEqual([...written.keys()].sort(), Object.keys(tensors).sort(), `names in ${file}`)
    for (const [name, expected] of Object.entries(tensors)) {
      const location = written.get(name) as TensorLocation
      expectEqual(location.dtype, expected.dtype, `type of ${name}`)
      expectEqual(location.shape, expected.shape, `shape of ${name}`)
      const hash = createHash("sha256")
      for (const piece of readPieces(location)) hash.update(piece)
      expectEqual(hash.digest("hex"), expected.sha256, `bytes of ${name}`)
    }
  }
}

/** JSON text with keys in order, for comparing. */
function sorted(value: unknown): string | undefined {
  return JSON.stringify(value, (_, entry) =>
    isObject(entry) ? Object.fromEntries(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1))) : entry,
  )
}
