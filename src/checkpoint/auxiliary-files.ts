/** The files beside the weights that a model is loaded with: tokenizer, processors, chat templates, generation defaults. */
import fs from "node:fs"
import path from "node:path"
import { makeFolder } from "../make-folder.js"
import { explainFileError } from "./files.js"

/** What transformers and the authors' loaders look for in a model folder, apart from config.json and weights. */
const AUXILIARY = [
  /^tokenizer.*\.(json|model)$/,
  /^(vocab\.json|vocab\.txt|merges\.txt|spiece\.model|sentencepiece.*\.model|.*\.tiktoken)$/,
  /^(special_tokens_map|added_tokens)\.json$/,
  /^(processor|preprocessor|video_preprocessor|generation)_config\.json$/,
  /^chat_template\.(json|jinja)$/,
  // Code of processors that are not part of transformers: `auto_map` names it.
  /^[\w-]+\.py$/,
]
/** Chat templates beyond the first, by name. */
const TEMPLATES = "additional_chat_templates"
/** Weights, of whatever format, and what is left of a download. */
const WEIGHTS = /\.(safetensors|bin|pth?|ckpt|gguf|onnx|partial)$/

/** Paths inside `folder` of the files that a saved model needs beside its weights and config.json. */
export function auxiliaryFiles(folder: string): string[] {
  const names = filesIn(folder)
  return [...names.filter((name) => AUXILIARY.some((pattern) => pattern.test(name))), ...templatesIn(folder)]
}

/**
 * Paths inside `folder` of everything but weights, git's files and those named: what the authors' converter passes on.
 * Nothing that describes the old weights should be left, such as a shard index: it goes into `except`.
 */
export function filesBesideWeights(folder: string, except: readonly string[]): string[] {
  const isPassedOn = (name: string) => !name.startsWith(".git") && !WEIGHTS.test(name) && !except.includes(name)
  return [...filesIn(folder).filter(isPassedOn), ...templatesIn(folder)]
}

function templatesIn(folder: string): string[] {
  const names = filesIn(path.join(folder, TEMPLATES))
  return names.filter((name) => name.endsWith(".jinja")).map((name) => path.join(TEMPLATES, name))
}

/** Regular files, also behind links: those of the hub cache are links into it. */
function filesIn(folder: string): string[] {
  const isFile = (name: string) => fs.statSync(path.join(folder, name), { throwIfNoEntry: false })?.isFile()
  return fs.existsSync(folder) ? fs.readdirSync(folder).filter(isFile).sort() : []
}

/** Copies contents, not links, into fresh files rather than copies of read-only ones, so that people can edit them. */
export async function copyFiles(from: string, to: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const target = path.join(to, name)
    try {
      makeFolder(path.dirname(target))
      await fs.promises.writeFile(target, await fs.promises.readFile(path.join(from, name)))
    } catch (error) {
      throw explainFileError(error, target)
    }
  }
}
