import { expect, it } from "vitest"
import { parsePythonJson } from "./python-json.js"

it("reads the numbers that are none of JSON's, outside of texts", () => {
  const text = String.raw`{"NaN \"Infinity": [NaN, Infinity, -Infinity, "-Infinity \\", 1e2]}`
  expect(parsePythonJson(text)).toEqual({
    'NaN "Infinity': [null, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, "-Infinity \\", 100],
  })
  for (const none of ["NaNs", "{Infinity: 1}", '"Infinity', "[+Infinity]"])
    expect(() => parsePythonJson(none)).toThrow(SyntaxError)
  expect(parsePythonJson(`"NaN${"a".repeat(5_000_000)}"`)).toHaveLength(5_000_003)
})
