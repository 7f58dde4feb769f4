/** Addresses in the place of a path, named as what they are: nothing is loaded from one, and as a path it would only be missing. */

import { fileURLToPath } from "node:url"
import { UserError } from "./errors.js"
import { readable } from "./readable.js"

/** A path that is an address: what is wrong, how to mend it, and the address at a readable length. */
export interface UrlProblem {
  what: string
  fix: string
  shown: string
}

/** Without slashes only what nobody calls a file; one letter is a drive of Windows. */
const URL_START = /^(?:([a-z][a-z0-9+.-]+):\/\/|(https?|ftp|file|data):)/i

/** Scheme of an address, in small letters; undefined for a path. */
export function urlScheme(text: string): string | undefined {
  const [, any, known] = URL_START.exec(text) ?? []
  return (any ?? known)?.toLowerCase()
}

/**
 * What to say of an address; undefined for a path.
 * @param noun what it should be the path of: "image", "data file", "output folder"
 */
export function urlProblem(text: string, noun: string): UrlProblem | undefined {
  const scheme = urlScheme(text)
  if (scheme === undefined) return undefined
  return {
    what: `the ${noun} is given as ${article(scheme)} ${scheme}: URL`,
    fix: fixOf(scheme, text, noun),
    shown: scheme === "data" ? `${readable(text, 40)}, ${text.length} characters` : readable(text),
  }
}

/** @throws UserError for an address */
export function requireNoUrl(text: string, noun: string): void {
  const problem = urlProblem(text, noun)
  if (problem) throw new UserError(problem.what, { where: problem.shown, fix: problem.fix })
}

/** For lists of problems: one line. */
export function urlSentence({ what, fix, shown }: UrlProblem): string {
  return `${what} (${shown}): ${fix}`
}

/** An s3, an https, a file: what has no vowel is spelt. */
function article(scheme: string): string {
  const spelt = !/[aeiou]/.test(scheme)
  return /^[aeiou]/.test(scheme) || (spelt && /^[fhlmnrsx]/.test(scheme)) ? "an" : "a"
}

function fixOf(scheme: string, text: string, noun: string): string {
  if (scheme !== "file" && noun.includes("folder")) return "give the path of a folder on this machine"
  if (scheme === "data") return "save what it holds as a file and give its path"
  if (scheme !== "file") return "download it and give the path on this machine"
  try {
    return `give the path, without file:// (${readable(fileURLToPath(text), 200)})`
  } catch {
    return "give the path, without file://"
  }
}
