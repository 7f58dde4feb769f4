/** Whether a text may reach a person: sentences only, no wording of the engine, and not pages of it. */

import { reportError } from "../../src/cli/process/errors.js"
import { UserError } from "../../src/errors.js"
import { Nonsense } from "./target.js"

/** Longest message in characters. */
const LONGEST = 4096

const RAW: readonly RegExp[] = [
  /\bundefined\b/,
  /\bnull is not\b/,
  /Cannot (?:read|set|convert|destructure|access|mix)\b/,
  /is not (?:a function|iterable|a constructor|defined|extensible|callable)\b/,
  /\[object \w+\]/,
  // A value of the user's that is none may be called so.
  /(?<!\bnot )\bNaN\b(?! is not)/,
  /\binternal\b.*\b(?:error|assert)|^internal:/im,
  /\n\s+at .*[:(]\d+/,
  /\.(?:ts|js|mjs|cpp|h):\d+/,
  /\b(?:Type|Range|Syntax|Reference|Zod|Assertion|Internal)Error\b/,
  /Unexpected (?:token|end of JSON|non-whitespace|number|string)|is not valid JSON|in JSON at position/,
  /\bE(?:NO[A-Z]{2,}|ISDIR|ACCES|PERM|EXIST|INVAL|LOOP|MFILE|NAMETOOLONG|AGAIN|PIPE|BADF|CONN[A-Z]+|TIMEDOUT)\b/,
  /\bERR_[A-Z_]{3,}/,
  /Invalid (?:typed array|array|array buffer|string|count|code point|regular expression|time value)\b/,
  /(?:Maximum call stack|out of memory|Array buffer allocation|offset is out of bounds)/,
  /\b(?:value|argument|property) .*(?:out of range|must be (?:of|an) )/,
  /\b(?:c10|at|aten|torch|std)::/,
  /INTERNAL ASSERT|this is a bug|\bvips_\w+/,
]

/** What the user wrote himself may be quoted to him, whatever it is. */
const quoted = /"(?:[^"\\\n]|\\.){0,200}"|(?<!\w)'[^'\n]{0,200}'(?!\w)|“[^”\n]{0,200}”/g

/** What is wrong with a text shown to a person, or nothing. */
export function faultOf(text: string): string | undefined {
  if (text.length > LONGEST) return `a message of ${text.length} characters`
  const own = text.replaceAll(quoted, '""')
  for (const pattern of RAW) {
    const found = pattern.exec(own)
    if (found) return `raw wording: ${found[0].trim()}`
  }
  return undefined
}

export interface Verdict {
  outcome: "accepted" | "refused" | "finding"
  /** A short name of the kind of fault, and the text at fault. */
  fault?: string
  text?: string
}

/** A thrown value as the command line shows it. */
export function judgeThrown(error: unknown): Verdict {
  if (error instanceof Nonsense) return { outcome: "finding", fault: "nonsense", text: error.message }
  let text = ""
  reportError(error, { stream: { write: (part) => (text += part) } })
  if (!(error instanceof UserError)) {
    const stack = error instanceof Error ? (error.stack ?? String(error)) : String(error)
    return { outcome: "finding", fault: "not a UserError", text: stack.slice(0, LONGEST) }
  }
  const fault = faultOf(text)
  return fault ? { outcome: "finding", fault, text } : { outcome: "refused", text }
}
