/** What a user may call a model — a folder, a GGUF file, a built-in name or a hub id — to the folder or file that holds it. */
import fs from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { homeFolder } from "../cache-folder.js"
import { ggufFile, isGgufName } from "../checkpoint/gguf/find.js"
import { requireNoOutput } from "../checkpoint/training-output.js"
import { UserError } from "../errors.js"
import { type DownloadOptions, downloadModel } from "./download.js"
import { parseHubId } from "./hub-id.js"
import { modelUrlProblem } from "./model-url.js"

export interface ResolvedModel {
  /** The folder; for a model in a GGUF file the file. */
  folder: string
  source: "folder" | "file" | "built-in" | "hub"
  /** For hub models: the id, and the commit that was loaded. */
  id?: string
  commit?: string
}

export interface ResolveOptions extends DownloadOptions {
  /** Folder with the models that ship, each in a folder of its name. @default those of this program */
  builtIn?: string
  /** What is looked for. Towers and encoders are no built-in models, and in no GGUF file. @default "model" */
  kind?: keyof typeof EXAMPLES
}

const EXAMPLES = {
  model: "Qwen/Qwen2.5-VL-3B-Instruct",
  "vision tower": "google/siglip-base-patch16-224",
  "text encoder": "FacebookAI/roberta-large",
} as const

/** Folder of the models that ship with the program: the same from src/ and from dist/. */
export const BUILT_IN_MODELS = fileURLToPath(new URL("../../models", import.meta.url))

/**
 * Finds a model; downloads it when it is named by its hub id. A folder wins over a hub id of the same spelling.
 * @throws UserError when it is nowhere, saying what was looked for.
 */
export async function resolveModel(name: string, options: ResolveOptions = {}): Promise<ResolvedModel> {
  const url = modelUrlProblem(name)
  if (url) throw new UserError(url.what, { where: url.shown, fix: url.fix })
  const folder = name.replace(/^~(?=$|[/\\])/, () => homeFolder())
  const where = name.slice(0, 200).replace(/\p{Cc}/gu, "?")
  const stats = look(folder, where)
  const gguf = stats && ggufFile(folder)
  if (gguf !== undefined) return { folder: path.resolve(gguf), source: "file" }
  if (stats?.isDirectory()) {
    requireNoOutput(name, folder)
    return { folder: path.resolve(folder), source: "folder" }
  }
  if (stats)
    throw new UserError("it is a file; a model is a folder with config.json and weights, or a .gguf file", { where })
  const { builtIn = BUILT_IN_MODELS, kind = "model" } = options
  const isModel = kind === "model"
  const shipped = isModel && fs.existsSync(builtIn) ? fs.readdirSync(builtIn) : []
  if (shipped.includes(name)) return { folder: path.join(builtIn, name), source: "built-in" }
  const model = parseHubId(name)
  if (!model || /^[./~]/.test(name) || isGgufName(name)) {
    const known = shipped.length > 0 ? `, a built-in model (${shipped.join(", ")})` : ""
    throw new UserError(`there is no such ${kind}`, {
      where,
      fix: `Name a folder${isModel ? ", a .gguf file" : ""}${known}, or a hub id such as ${EXAMPLES[kind]} or org/name@revision.`,
    })
  }
  return { ...(await downloadModel(model, options)), source: "hub", id: model.id }
}

/** What is there under a name; undefined for nothing, and for names that no file can have. */
function look(folder: string, where: string): fs.Stats | undefined {
  try {
    return fs.statSync(folder, { throwIfNoEntry: false })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === "ENAMETOOLONG" || code === "ERR_INVALID_ARG_VALUE") return undefined
    throw new UserError(code === "EACCES" ? "no permission to look at it" : "it cannot be opened", { where, cause })
  }
}
