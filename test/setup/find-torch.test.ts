/** Where libtorch is looked for, in which order, and what is said about one that cannot be used. */

import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { environmentKey, findTorch, isSupported, readTorch } from "../../scripts/lib/find-torch.mjs"

const extension = process.platform === "darwin" ? "dylib" : "so"
let folder: string

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "find-torch-")))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Lays out what the finder looks at of a torch wheel. */
function fakeTorch(home: string, version: string, { cuda = false, versionFile = "version.py" } = {}): string {
  mkdirSync(join(home, "lib"), { recursive: true })
  mkdirSync(join(home, "include", "ATen", "core", "dispatch"), { recursive: true })
  writeFileSync(join(home, "include", "ATen", "core", "dispatch", "Dispatcher.h"), "")
  writeFileSync(join(home, "lib", `libtorch_cpu.${extension}`), "")
  if (cuda) writeFileSync(join(home, "lib", `libtorch_cuda.${extension}`), "")
  const contents: Record<string, string> = {
    "version.py": `from typing import Optional\n__version__ = '${version}'\ncuda: Optional[str] = '13.2'\ngit_version = 'abc123'\nhip: Optional[str] = None\n`,
    "build-version": `${version}\n`,
  }
  writeFileSync(join(home, versionFile), contents[versionFile])
  return home
}

const sitePackages = (prefix: string) => join(prefix, "lib", "python3.12", "site-packages", "torch")
const find = (env: Record<string, string>, options: { python?: string; caches?: string[]; notes?: string[] } = {}) =>
  findTorch({
    env,
    caches: options.caches ?? [],
    findSpec: async () => options.python,
    note: (text: string) => options.notes?.push(text),
  })

describe("findTorch", () => {
  it("takes the first of: named, virtual environment, conda, python3, cache", async () => {
    const named = fakeTorch(join(folder, "named"), "2.12.0")
    fakeTorch(sitePackages(join(folder, "venv")), "2.13.0")
    fakeTorch(sitePackages(join(folder, "conda")), "2.13.1")
    const python = fakeTorch(join(folder, "python", "torch"), "2.14.0")
    const cache = join(folder, "cache", "torch-2.15.0")
    fakeTorch(join(cache, "torch"), "2.15.0")
    const env: Record<string, string> = {
      LIBTORCH: named,
      VIRTUAL_ENV: join(folder, "venv"),
      CONDA_PREFIX: join(folder, "conda"),
    }
    const options = { python, caches: [cache] }

    expect(await find(env, options)).toMatchObject({
      version: "2.12.0",
      source: "LIBTORCH",
      home: named,
      lib: join(named, "lib"),
    })
    delete env.LIBTORCH
    expect(await find(env, options)).toMatchObject({ version: "2.13.0", source: "VIRTUAL_ENV" })
    delete env.VIRTUAL_ENV
    expect(await find(env, options)).toMatchObject({ version: "2.13.1", source: "CONDA_PREFIX" })
    delete env.CONDA_PREFIX
    expect(await find(env, options)).toMatchObject({ version: "2.14.0", source: "python3" })
    expect(await find(env, { caches: [cache] })).toMatchObject({ version: "2.15.0", source: "cache" })
    expect(await find(env)).toBeUndefined()
  })

  it("accepts a wheel's folder, its parent, and an unpacked archive under TORCH_NODE_HOME", async () => {
    fakeTorch(join(folder, "site", "torch"), "2.11.0")
    expect(await find({ TORCH_NODE_HOME: join(folder, "site") })).toMatchObject({
      version: "2.11.0",
      source: "TORCH_NODE_HOME",
    })
    fakeTorch(join(folder, "unpacked", "libtorch"), "2.13.0+cu130", { versionFile: "build-version", cuda: true })
    expect(await find({ TORCH_NODE_HOME: join(folder, "unpacked") })).toMatchObject({
      version: "2.13.0+cu130",
      cuda: "13.0",
    })
  })

  it("refuses a folder named by the user in a sentence", async () => {
    await expect(find({ LIBTORCH: join(folder, "nothing") })).rejects.toThrow(/LIBTORCH=.*no libtorch there/)
    fakeTorch(join(folder, "old"), "1.13.1")
    await expect(find({ LIBTORCH: join(folder, "old") })).rejects.toThrow(/1\.13\.1 is too old, 2\.11 or later/)
  })

  it("passes over an old or broken torch it met by itself, and says so", async () => {
    const old = fakeTorch(join(folder, "python", "torch"), "2.10.0")
    const cache = join(folder, "cache")
    fakeTorch(join(cache, "torch"), "2.15.0")
    mkdirSync(sitePackages(join(folder, "venv")), { recursive: true })
    const notes: string[] = []
    const torch = await find({ VIRTUAL_ENV: join(folder, "venv") }, { python: old, caches: [cache], notes })
    expect(torch).toMatchObject({ source: "cache" })
    expect(notes).toEqual([`torch 2.10.0 in ${old} is too old (2.11 or later is needed): not used`])
  })

  it("reads what the build must know", () => {
    const home = fakeTorch(join(folder, "gpu"), "2.15.0+cu132", { cuda: true })
    expect(readTorch(home, "test")).toEqual({
      home,
      lib: join(home, "lib"),
      version: "2.15.0+cu132",
      gitVersion: "abc123",
      cuda: "13.2",
      cudaLibrary: join(home, "lib", `libtorch_cuda.${extension}`),
      source: "test",
    })
    // The CPU-only installation deletes libtorch_cuda: the version still names CUDA, the record must not.
    const cpu = fakeTorch(join(folder, "cpu"), "2.15.0+cu132")
    expect(readTorch(cpu, "test")).toMatchObject({ cuda: null, cudaLibrary: null })
  })

  it("orders versions by number", () => {
    expect(["2.9.1", "2.10.0", "1.13.1", "2.1"].map(isSupported)).toEqual([false, false, false, false])
    expect(["2.11.0", "2.15.0+cpu", "3.0.0", "2.100.0a0+git1"].map(isSupported)).toEqual([true, true, true, true])
  })

  it("notices a changed environment", () => {
    expect(environmentKey({ VIRTUAL_ENV: "/a", HOME: "/x" })).toBe(environmentKey({ VIRTUAL_ENV: "/a", HOME: "/y" }))
    expect(environmentKey({ VIRTUAL_ENV: "/a" })).not.toBe(environmentKey({ CONDA_PREFIX: "/a" }))
  })
})
