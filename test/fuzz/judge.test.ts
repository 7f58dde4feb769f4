/** Which texts may reach a person. */

import { describe, expect, it } from "vitest"
import { UserError } from "../../src/errors.js"
import { faultOf, judgeThrown } from "./judge.js"
import { Nonsense } from "./target.js"

describe("faultOf", () => {
  it.each([
    "Cannot read properties of undefined (reading 'x')",
    "element type undefined is not one of BOOL, U8",
    "Invalid input: expected string, received undefined",
    "it cannot be used: regex.replace is not a function",
    "x is not iterable",
    "not a JSON file (Unexpected token 'N', ...\"a\":NaN} is not valid JSON)",
    "its header is not JSON (Expected property name or '}' in JSON at position 1)",
    "the file cannot be opened: ENOENT: no such file or directory, open 'x'",
    "the image cannot be read (EISDIR)",
    "Invalid typed array length: 51538034700",
    "Maximum call stack size exceeded",
    "loss NaN at step 3",
    "it is [object Object]",
    "internal: a shape must hold whole numbers",
    "c10::Error: size mismatch",
    "failed\n    at Object.run (file.js:3:4)",
    "x".repeat(5000),
  ])("finds fault with %.60s", (text) => {
    expect(faultOf(text)).toBeDefined()
  })

  it.each([
    'unknown model_type "undefined"',
    'hidden_size is "NaN", not a number',
    "there is no file 'TypeError.png'",
    "the model's 128 positions are not enough for the user's prompt",
    "cannot load org/model: the hub answered 500\n  Check the connection and run it again",
    "line 4: data.concepts: must be a number, not NaN",
    "the last message is at the end of an unexpected turn",
  ])("lets %.60s pass", (text) => {
    expect(faultOf(text)).toBeUndefined()
  })
})

describe("judgeThrown", () => {
  it("takes a UserError for a refusal, and anything else for a finding", () => {
    expect(judgeThrown(new UserError("no such file", { where: "x.json" })).outcome).toBe("refused")
    expect(judgeThrown(new UserError("x is undefined")).outcome).toBe("finding")
    expect(judgeThrown(new TypeError("x")).outcome).toBe("finding")
    expect(judgeThrown("x").outcome).toBe("finding")
    expect(judgeThrown(new Nonsense("a loss of NaN"))).toMatchObject({ outcome: "finding", fault: "nonsense" })
  })
})
