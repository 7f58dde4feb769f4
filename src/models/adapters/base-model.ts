/** Which model an adapter belongs to, as its adapter_config.json says it. */

import { existsSync } from "node:fs"
import path from "node:path"
import { isAdapter } from "../../checkpoint/adapter-files.js"
import { ggufFile } from "../../checkpoint/gguf/find.js"
import { readAdapterConfig } from "../../checkpoint/peft-config.js"
import { UserError } from "../../errors.js"
import type { ResolveOptions } from "../../hub/resolve.js"
import { label } from "../../readable.js"
import { resolveWhole } from "../resolve.js"

const FIX = "give the model that it was trained on (--base, in the library `base`)"

/**
 * The base as the adapter names it: a folder on this machine where there is one, from the working directory or the adapter's folder, else a name
 * for `resolveModel`, with its revision.
 * @throws UserError when the file names none
 */
export function baseName(folder: string): string {
  const { base, revision } = readAdapterConfig(folder)
  if (base === undefined)
    throw new UserError(
      "its adapter_config.json does not say which model the adapter is for (base_model_name_or_path)",
      {
        where: folder,
        fix: FIX,
      },
    )
  const local = [path.resolve(base), path.resolve(folder, base)].find(isModel)
  if (local !== undefined) return local
  return revision && revision !== "main" ? `${base}@${revision}` : base
}

/**
 * `baseName` where it must be a folder or file: nothing is downloaded.
 * @throws UserError when it is none
 */
export function localBase(folder: string): string {
  const name = baseName(folder)
  if (isModel(name)) return name
  throw new UserError(`the model that the adapter is for, ${label(name)}, is no folder on this machine`, {
    where: folder,
    fix: FIX,
  })
}

/**
 * A model as `resolveModel` finds it, and of an adapter the one that it belongs to, downloaded if it must be.
 * @param name a folder, a built-in name or a hub id
 */
export async function resolveWithBase(
  name: string,
  options: ResolveOptions & { base?: string } = {},
): Promise<{ folder: string; base?: string }> {
  const { folder } = await resolveWhole(name, options)
  requireBaseOfAdapter(folder, options.base)
  if (!isAdapter(folder)) return { folder }
  const base = await resolveWhole(options.base ?? baseName(folder), options)
  return { folder, base: base.folder }
}

/** @throws UserError for a base that is given to a whole model */
export function requireBaseOfAdapter(folder: string, base: string | undefined): void {
  if (base === undefined || isAdapter(folder)) return
  throw new UserError("it is a whole model and no adapter, so it has no base", {
    where: folder,
    fix: "leave --base out",
  })
}

const isModel = (name: string): boolean => existsSync(path.join(name, "config.json")) || ggufFile(name) !== undefined
