/** What counts as changed, and the other small decisions of the set-up. */

import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { extraFlags } from "../../scripts/lib/addon.mjs"
import { cachedTorchFolders, pipError } from "../../scripts/lib/install-torch.mjs"
import { packagesAreCurrent } from "../../scripts/lib/npm-packages.mjs"
import { cacheFolder } from "../../scripts/lib/paths.mjs"
import { compare, listFiles, marksOf, readJson, renewMarks, writeJson } from "../../scripts/lib/stamp.mjs"
import { isBuilt } from "../../scripts/lib/typescript.mjs"

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stamp-"))
})
afterEach(() => rmSync(folder, { recursive: true }))

const write = (name: string, text: string) => {
  mkdirSync(join(folder, name, ".."), { recursive: true })
  writeFileSync(join(folder, name), text)
}
const files = () => listFiles(join(folder, "src"))

describe("stamps", () => {
  it("tell same, touched and changed apart", () => {
    write("src/a.ts", "one")
    write("src/deep/b.ts", "two")
    const marks = marksOf(folder, files())
    expect(compare(marks, folder, files())).toBe("same")
    utimesSync(join(folder, "src/a.ts"), new Date(0), new Date(0))
    expect(compare(marks, folder, files())).toBe("touched")
    write("src/a.ts", "ONE")
    expect(compare(marks, folder, files())).toBe("changed")
    write("src/a.ts", "one")
    expect(compare(marks, folder, files())).toBe("touched")
    write("src/c.ts", "")
    expect(compare(marks, folder, files())).toBe("changed")
    rmSync(join(folder, "src/c.ts"))
    rmSync(join(folder, "src/deep/b.ts"))
    expect(compare(marks, folder, files())).toBe("changed")
    expect(compare(undefined, folder, files())).toBe("changed")
  })

  it("notice a moved border between name and content, and another setting", () => {
    write("src/a.ts", "x")
    const marks = marksOf(folder, files(), "-O2")
    expect(compare(marks, folder, files(), "-O3")).toBe("changed")
    expect(marksOf(folder, []).content).not.toBe(marksOf(folder, [], "x").content)
  })

  it("are renewed where that is possible: where nobody may write, what was built is as good", () => {
    for (const name of ["src/a.ts", "tsconfig.json", "tsconfig.build.json", "dist/cli/main.js"]) write(name, "{}")
    const inputs = [...files(), join(folder, "tsconfig.json"), join(folder, "tsconfig.build.json")]
    const stamp = join(folder, "dist", ".stamp.json")
    const marks = marksOf(folder, inputs)
    writeJson(stamp, { marks })
    utimesSync(join(folder, "src/a.ts"), new Date(0), new Date(0))
    expect(isBuilt(folder)).toBe(true)
    expect(readJson(stamp)).toEqual({ marks: marksOf(folder, inputs) })
    expect(readJson(stamp)).not.toEqual({ marks })
    // No folder to write to.
    expect(() => writeJson(join(stamp, "x.json"), {})).toThrow()
    expect(() => renewMarks(join(stamp, "x.json"), {})).not.toThrow()
  })

  it("are written whole and read as nothing when damaged", () => {
    const path = join(folder, "build", "info.json")
    writeJson(path, { key: "k" })
    expect(readJson(path)).toEqual({ key: "k" })
    expect(readdirSync(join(folder, "build"))).toEqual(["info.json"])
    writeFileSync(path, '{"key":')
    expect(readJson(path)).toBeUndefined()
    expect(readJson(join(folder, "none.json"))).toBeUndefined()
  })
})

describe("npm packages", () => {
  const lock = (packages: object) => JSON.stringify({ packages })
  const own = { "": { version: "0.1.0" } }

  it("are current when npm's own record and the folders agree with the lock", () => {
    const wanted = {
      ...own,
      "node_modules/a": { version: "1.0.0" },
      "node_modules/other-system": { version: "1.0.0", optional: true },
    }
    write("package-lock.json", lock(wanted))
    expect(packagesAreCurrent(folder)).toBe(false)
    write("node_modules/.package-lock.json", lock({ "node_modules/a": { version: "1.0.0" } }))
    expect(packagesAreCurrent(folder)).toBe(false)
    write("node_modules/a/package.json", "{}")
    expect(packagesAreCurrent(folder)).toBe(true)
    write("package-lock.json", lock({ ...wanted, "node_modules/a": { version: "1.0.1" } }))
    expect(packagesAreCurrent(folder)).toBe(false)
    write("package-lock.json", lock({ ...wanted, "node_modules/b": { version: "1.0.0" } }))
    expect(packagesAreCurrent(folder)).toBe(false)
  })
})

describe("small decisions", () => {
  it("the cache folder follows the environment and the platform", () => {
    expect(cacheFolder({ DIFFUSIONVL_CACHE: "/big/disk", XDG_CACHE_HOME: "/x" }, "linux", "/home/me")).toBe("/big/disk")
    expect(cacheFolder({ XDG_CACHE_HOME: "/x" }, "linux", "/home/me")).toBe("/x/diffusionvl")
    expect(cacheFolder({}, "linux", "/home/me")).toBe("/home/me/.cache/diffusionvl")
    expect(cacheFolder({}, "darwin", "/Users/me")).toBe("/Users/me/Library/Caches/diffusionvl")
  })

  it("a machine with a GPU never takes the torch without CUDA", () => {
    expect(cachedTorchFolders("/c", true)).toEqual(["/c/torch-2.15.0-cuda"])
    expect(cachedTorchFolders("/c", false)).toEqual(["/c/torch-2.15.0", "/c/torch-2.15.0-cuda"])
  })

  it("a kernel file names its instruction sets among its first lines, for x86-64 only", () => {
    const text = "// A kernel.\n// flags: -mavx2 -mfma\n#include <x>\n"
    expect(extraFlags(text, "x64")).toEqual(["-mavx2", "-mfma"])
    expect(extraFlags(text, "arm64")).toEqual([])
    expect(extraFlags("// A file.\n", "x64")).toEqual([])
  })

  it("pip's failures become sentences", () => {
    const retries =
      "WARNING: Retrying ... NewConnectionError: Failed to establish a new connection: [Errno -3] Temporary failure in name resolution\nERROR: No matching distribution found for torch"
    expect(pipError(retries, "/c").message).toContain("could not be reached")
    expect(pipError("ERROR: No matching distribution found for torch==2.15.0", "/c").message).toContain(
      "found no torch",
    )
    expect(pipError("OSError: [Errno 28] No space left on device", "/c").message).toContain("disk filled up")
    expect(pipError("ERROR: something else", "/c").message).toContain("something else")
  })
})
