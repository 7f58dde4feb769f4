/** Every kind of input that comes from outside. What a target needs is loaded only when its cases run. */

import type { Target } from "../target.js"

export const TARGETS: readonly Target[] = [
  { name: "safetensors", share: 3, load: () => import("./safetensors.js") },
  { name: "pickles", share: 3, load: () => import("./pickles.js") },
  { name: "gguf", share: 3, load: () => import("./gguf.js") },
  { name: "model-files", share: 4, load: () => import("./model-files.js") },
  { name: "text-models", share: 3, load: () => import("./text-models.js") },
  { name: "families", share: 4, load: () => import("./families.js") },
  { name: "seeing-models", share: 4, load: () => import("./seeing-models.js") },
  { name: "images", share: 8, load: () => import("./images.js") },
  { name: "records", share: 4, load: () => import("./records.js") },
  { name: "documents", share: 6, load: () => import("./documents.js") },
  { name: "recipes", share: 4, load: () => import("./recipes.js") },
  { name: "demo-recipes", share: 2, load: () => import("./demo-recipes.js") },
  { name: "hub", share: 2, load: () => import("./hub.js") },
  { name: "options", share: 3, load: () => import("./options.js") },
  { name: "requests", share: 3, load: () => import("./requests.js") },
  { name: "training-folders", share: 2, load: () => import("./training-folders.js") },
]

/** Not of those that are run, but for the tests of the runner: one fails in every way, one cannot begin. */
const BROKEN: readonly Target[] = [
  { name: "broken", share: 1, load: () => import("./broken.js") },
  {
    name: "refused",
    share: 1,
    load: async () => ({ prepare: () => Promise.reject(new Error("the valid input is refused")) }),
  },
]

export function targetsNamed(names: readonly string[]): Target[] {
  return [...TARGETS, ...BROKEN].filter(({ name }) => names.includes(name))
}
