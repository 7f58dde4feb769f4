/** The folder of a demo: its own, so that what is done is kept and nothing of anybody else is written over. */

import { existsSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { explaining, writeJson } from "../../src/checkpoint/files.js"
import { readJsonObject } from "../../src/checkpoint/json.js"
import { UserError } from "../../src/errors.js"
import { readable } from "../../src/readable.js"
import type { DemoRecipe } from "./recipe.js"

const RECIPE = "recipe.json"
/** What the first moments of a demo leave, and what file managers put everywhere. */
const FIRST = /^(\.|writer\.lock)/

/**
 * Looks before anything is written.
 * @throws UserError for a folder with files that no demo began: a training's output, a model, anything else
 */
export function requireDemoFolder(folder: string): void {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return
  const names = explaining(folder, () => readdirSync(folder)).filter((name) => !FIRST.test(name))
  if (names.length === 0 || isDemo(folder)) return
  throw new UserError(`the folder has other files, such as ${readable(names.sort()[0])}: it is not a demo's`, {
    where: folder,
    fix: "give a new or empty folder with --out",
  })
}

/** What is damaged or in the way is told where the recipe is read. */
function isDemo(folder: string): boolean {
  const file = join(folder, RECIPE)
  if (!statSync(file, { throwIfNoEntry: false })) return false
  try {
    const recipe = readJsonObject(file)
    return "stages" in recipe && "evaluation" in recipe
  } catch {
    return true
  }
}

/** Parts that are done are kept, so they must be those of this recipe. */
export async function keepRecipe(recipe: DemoRecipe, folder: string): Promise<void> {
  const file = join(folder, RECIPE)
  if (existsSync(file)) {
    if (JSON.stringify(readJsonObject(file)) === JSON.stringify(recipe)) return
    throw new UserError("this demo was started with another recipe", {
      where: folder,
      fix: "give another folder with --out, or delete this one",
    })
  }
  await writeJson(file, recipe)
}
