/** Literals as CPython 3.11 reads and writes them. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { anyText } from "../../../test/support/any-text.js"
import { failureOf } from "../../../test/support/failure.js"
import { pythonList, pythonText } from "./python-literal.js"

it.each([
  ["[]", []],
  ["['cat', 'dog']", ["cat", "dog"]],
  ['["it\'s", \'a "b"\']', ["it's", 'a "b"']],
  ["['a\\nb', 'c\\td', '\\x41\\u03c0\\U0001F600', '\\101\\0']", ["a\nb", "c\td", "Aπ😀", "A\0"]],
  ["['\\d', '\\\\', '\\'']", ["\\d", "\\", "'"]],
  ["['a' 'b'  \"c\", 'd',]", ["abc", "d"]],
  [" [ 'a' , [ 'b' , [] ] , ('c',) , ('d') ]\n", ["a", ["b", []], ["c"], "d"]],
  ["[1, -2.5, 1e3, None, True, False]", [1, -2.5, 1000, null, true, false]],
  ["[r'\\n', u'x', '''a\nb''']", ["\\n", "x", "a\nb"]],
  ["['a\\\nb']", ["ab"]],
])("%s", (source, value) => {
  expect(pythonList(source)).toEqual(value)
})

it.each([
  "",
  "cat",
  "'cat'",
  "['a'",
  "['a' 1]",
  "['a\nb']",
  "['\\x4']",
  "['\\U00110000']",
  "[a]",
  "['a'] x",
  "[,]",
  "['a',,]",
])("refuses %j", (source) => {
  expect(failureOf(() => pythonList(source, "options"))).toMatch(/^options: [\s\S]*list/)
})

it("refuses what is nested without an end", () => {
  expect(failureOf(() => pythonList("[".repeat(100_000)))).toMatch(/not a Python list/)
})

describe("as text", () => {
  it.each([
    ["as it is\n'", "as it is\n'"],
    [null, "None"],
    [["a", "it's", 'say "no"', `both ' and "`], `['a', "it's", 'say "no"', 'both \\' and "']`],
    [
      ["\\", "\n\r\t", "\0\x7f\u00a0\u200b", "\ud83d\ude00π\u0301", "\u{e0001}"],
      `['\\\\', '\\n\\r\\t', '\\x00\\x7f\\xa0\\u200b', '😀π\u0301', '\\U000e0001']`,
    ],
    [[1, true, null, Number.NaN, ["x"]], "[1, True, None, nan, ['x']]"],
    [{ a: "b" }, "{'a': 'b'}"],
  ])("%j", (value, text) => {
    expect(pythonText(value)).toBe(text)
  })

  it("is read again as what it was", () => {
    const text = anyText.filter((one) => !/\p{Cs}/u.test(one))
    const { lists } = fc.letrec<{ lists: unknown[] }>((tie) => ({
      lists: fc.array(fc.oneof(text, tie("lists")), { maxLength: 4 }),
    }))
    fc.assert(
      fc.property(lists, (list) => {
        expect(pythonList(pythonText(list))).toEqual(list)
      }),
    )
  })
})
