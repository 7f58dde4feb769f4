/** JSON as Python's json module writes and reads it: with NaN, Infinity and -Infinity. */

const PART = /"[^"\\]*(?:\\.[^"\\]*)*"|-?Infinity|NaN/gs
/** 1e999 is read as infinity. */
const NUMBERS: Readonly<Record<string, string>> = { Infinity: "1e999", "-Infinity": "-1e999", NaN: "null" }

/**
 * json.loads(text); null for NaN.
 * @throws SyntaxError where the text is no JSON
 */
export const parsePythonJson = (text: string): unknown =>
  JSON.parse(/Infinity|NaN/.test(text) ? text.replace(PART, (part) => NUMBERS[part] ?? part) : text)
