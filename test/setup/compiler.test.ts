/** Which compiler builds the engine: what CXX names, words and all, or a sentence. */

import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { findCompiler, namedCompiler, splitWords } from "../../scripts/lib/compiler.mjs"
import { SetupError } from "../../scripts/lib/setup-error.mjs"

let folder: string
beforeAll(() => {
  folder = join(mkdtempSync(join(tmpdir(), "compiler-")), "my tools")
  mkdirSync(folder)
  // A wrapper as ccache is one: it runs what follows it, and tells that it was asked.
  script("wrap", `echo "$@" >> "$(dirname "$0")/asked"; exec "$@"`)
  script("my g++", 'exec c++ "$@"')
  script("liar", `case "$*" in *--version*) echo "g++ 99";; *) exit 0;; esac`)
  script("broken", "echo 'internal compiler error' >&2; exit 1")
})
afterAll(() => rmSync(join(folder, ".."), { recursive: true }))

function script(name: string, body: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`)
  chmodSync(join(folder, name), 0o755)
}
const find = (CXX: string | undefined) => findCompiler({ ...process.env, CXX })

describe("CXX", () => {
  it("of two words is a program and what it runs, in every call", async () => {
    const compiler = await find(`"${folder}/wrap" c++`)
    expect(compiler).toMatchObject({ command: join(folder, "wrap"), args: ["c++"] })
    const asked = readFileSync(join(folder, "asked"), "utf8").trim().split("\n")
    expect(asked[0]).toBe("c++ --version")
    expect(asked[1]).toMatch(/^c\+\+ -std=c\+\+20 /)
  })

  it("may be a path with spaces, or a compiler with options of its own", async () => {
    expect(await find(join(folder, "my g++"))).toMatchObject({ command: join(folder, "my g++"), args: [] })
    expect(await find("c++ -DX='a b'")).toMatchObject({ command: "c++", args: ["-DX=a b"] })
  })

  it("that is empty counts as none", async () => {
    expect(namedCompiler({ CXX: "  " })).toBeUndefined()
    expect((await find("")).name).toBe((await find(undefined)).name)
  })

  it.each([
    ["no-such-compiler", /CXX=no-such-compiler is no C\+\+ compiler that works: there is no program no-such-compiler/],
    ["ccache-that-is-not-here g++", /there is no program ccache-that-is-not-here/],
    ["c++ --no-such-option", /no-such-option/],
    ["true", /it makes no file/],
    ["cat", /CXX=cat is no C\+\+ compiler/],
  ])("%s is refused, not replaced", async (name, sentence) => {
    const error = await find(name).catch((error) => error)
    expect(error).toBeInstanceOf(SetupError)
    expect(error.message).toMatch(sentence)
    expect(error.fix).toMatch(/unset it/)
  })

  it.each(["liar", "broken"])("a program that only looks like one (%s)", async (name) => {
    await expect(find(join(folder, name))).rejects.toThrow(
      /is no C\+\+ compiler that works: (it makes no file|internal)/,
    )
  })
})

it.each([
  ["ccache g++", ["ccache", "g++"]],
  ["  g++  -m64 ", ["g++", "-m64"]],
  [`"/opt/my tools/g++" -O1`, ["/opt/my tools/g++", "-O1"]],
  ["/opt/my\\ tools/g++", ["/opt/my tools/g++"]],
  [`-D'A B'"C \\" D"`, [`-DA BC " D`]],
  ["it's", ["it's"]],
])("the words of %s", (text, words) => {
  expect(splitWords(text)).toEqual(words)
})
