/** A folder of golden files, explored: JSON documents, tensors beside them, model folders, pictures. Assumes no names. */

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { basename, dirname, join, relative } from "node:path"
import { readHeader, type TensorLocation } from "../../src/checkpoint/safetensors/safetensors.js"
import { messageOf, UserError } from "../../src/errors.js"
import { mapFile, type Tensor, untidied, viewBytes } from "../../src/torch/index.js"
import { type JsonDocument, parseJson } from "./json.js"
import { ModelShelf } from "./models.js"
import { Pictures } from "./pictures.js"

export type { JsonDocument } from "./json.js"

/** A folder with config.json or projector weights holds a model: its JSON files are no cases. */
const MODEL_MARKS = ["config.json", "mm_projector.bin"]

export class FixtureFolder {
  readonly documents: JsonDocument[] = []
  /** JSON files that cannot be read. */
  readonly damaged: { name: string; message: string }[] = []
  readonly models: ModelShelf
  readonly pictures: Pictures
  /** Folders with a stage-1 projector in pickled form. */
  readonly pickledProjectors: string[] = []
  readonly #files: string[] = []
  readonly #tensors = new Map<string, Map<string, TensorLocation>>()
  readonly #mapped = new Map<string, Tensor>()

  /** @throws UserError when there is no such folder */
  constructor(readonly root: string) {
    if (!existsSync(root) || !statSync(root).isDirectory())
      throw new UserError("there is no such folder", { where: root, fix: "give a folder with golden cases" })
    const models: string[] = []
    this.#walk(root, models)
    this.models = new ModelShelf(models)
    this.pictures = new Pictures(this)
  }

  #walk(folder: string, models: string[]): void {
    const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
    if (entries.some(({ name }) => MODEL_MARKS.includes(name))) {
      if (existsSync(join(folder, "mm_projector.bin"))) this.pickledProjectors.push(folder)
      models.push(folder)
      return
    }
    for (const entry of entries) {
      if (entry.name.startsWith(".")) continue
      const path = join(folder, entry.name)
      if (entry.isDirectory()) this.#walk(path, models)
      else {
        this.#files.push(path)
        if (entry.name.endsWith(".json")) this.#read(path)
      }
    }
  }

  #read(path: string): void {
    const name = relative(this.root, path)
    try {
      this.documents.push({ path, name, value: parseJson(readFileSync(path, "utf8")) })
    } catch (error) {
      this.damaged.push({ name, message: `not a JSON file (${messageOf(error)})` })
    }
  }

  /**
   * A file that a document names: by its path from the document or the root, else by its base name anywhere.
   * @throws UserError when it is nowhere
   */
  file(name: string, near: JsonDocument): string {
    const direct = [join(dirname(near.path), name), join(this.root, name)].find((path) => existsSync(path))
    const found =
      direct ??
      this.#files.find((path) => path.endsWith(`/${name}`)) ??
      this.#files.find((path) => basename(path) === basename(name))
    if (!found) throw new UserError(`${near.name} names ${name}, which is not in the folder`, { where: this.root })
    return found
  }

  /** Names of all tensors in the safetensors files beside a document. */
  tensorNames(near: JsonDocument): string[] {
    return [...this.#beside(near).keys()]
  }

  /**
   * A tensor from the files beside a document.
   * @throws Error when there is none of this name
   */
  tensor(name: string, near: JsonDocument): Tensor {
    const at = this.#beside(near).get(name)
    if (!at) throw new Error(`no safetensors file beside ${near.name} has ${name}`)
    const mapped = this.#mapped.get(at.file) ?? untidied(() => mapFile(at.file))
    this.#mapped.set(at.file, mapped)
    return viewBytes(mapped, at.offset, at.dtype, at.shape)
  }

  #beside({ path }: JsonDocument): Map<string, TensorLocation> {
    const folder = dirname(path)
    let tensors = this.#tensors.get(folder)
    if (!tensors) {
      const files = this.#files.filter((file) => dirname(file) === folder && file.endsWith(".safetensors"))
      tensors = new Map(files.flatMap((file) => [...readHeader(file).tensors]))
      this.#tensors.set(folder, tensors)
    }
    return tensors
  }
}
