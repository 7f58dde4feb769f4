/** Every kind of input that comes from outside. */

import type { Target } from "../target.js"
import { broken } from "./broken.js"
import { demoRecipes } from "./demo-recipes.js"
import { hub } from "./hub.js"
import { images } from "./images.js"
import { modelFiles } from "./model-files.js"
import { options } from "./options.js"
import { recipes } from "./recipes.js"
import { records } from "./records.js"
import { safetensors } from "./safetensors.js"
import { trainingFolders } from "./training-folders.js"

export const TARGETS: readonly Target[] = [
  safetensors,
  modelFiles,
  images,
  records,
  recipes,
  demoRecipes,
  hub,
  options,
  trainingFolders,
]

/** Also the one that is broken on purpose, for the tests of the runner. */
export function targetsNamed(names: readonly string[]): Target[] {
  return [...TARGETS, broken].filter(({ name }) => names.includes(name))
}
