/** The package as a user installs it: what is in it, that it needs nothing but its dependencies, and that it runs. */

import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { builtinModules } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import ts from "typescript"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const root = resolve(import.meta.dirname, "../..")
const json = (...path: string[]) => JSON.parse(readFileSync(join(...path), "utf8"))

/** The folder somebody installed the package in, and the package in it. */
let home: string
let installed: string
let files: string[]

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "package-"))
  installed = join(home, "node_modules", "diffusionvl")
  const packed = execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", home], {
    cwd: root,
    stdio: ["ignore", "pipe", "ignore"],
    encoding: "utf8",
  })
  const [{ filename }] = JSON.parse(packed) as { filename: string }[]
  mkdirSync(installed, { recursive: true })
  execFileSync("tar", ["-xzf", join(home, filename), "-C", installed, "--strip-components=1"])
  files = readdirSync(installed, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(installed.length + 1))
  // What npm would install beside it: everything in the lock that is not for development only.
  const { packages } = json(root, "package-lock.json") as {
    packages: Record<string, { dev?: true; devOptional?: true }>
  }
  for (const [path, { dev, devOptional }] of Object.entries(packages)) {
    if (path === "" || dev || devOptional || path.indexOf("node_modules/", 1) > 0) continue
    mkdirSync(dirname(join(home, path)), { recursive: true })
    symlinkSync(join(root, path), join(home, path))
  }
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

describe("an installed package", () => {
  it("has the program, the library and what they read", () => {
    const folders = ["bin", "dist", "models", "native", "recipes", "scripts"]
    const papers = ["LICENSE", "NOTICE", "README.md", "package.json"]
    const top = new Set(files.map((path) => path.split("/")[0]))
    expect([...top].filter((name) => !papers.includes(name)).sort()).toEqual(folders)
    expect(files).toEqual(
      expect.arrayContaining([
        "bin/diffusionvl.mjs",
        "dist/index.js",
        "dist/index.d.ts",
        "dist/cli/main.js",
        "native/engine.cc",
        "recipes/qwen2.5-vl-3b.yaml",
        "models/emoji-diffusion/model.safetensors",
        "scripts/setup.mjs",
      ]),
    )
  })

  it("has nothing that is for this repository only", () => {
    const sources = files.filter((path) => /\.tsx?$/.test(path) && !path.endsWith(".d.ts"))
    const tests = files.filter((path) =>
      /\.test\.|(^|\/)(test|demo|fixtures|examples|golden|smollm2)(\/|\.|$)/.test(path),
    )
    const hidden = files.filter((path) => /(^|\/)\./.test(path))
    const scripts = files.filter((path) => /^scripts\/(?!setup\.mjs$|lib\/)/.test(path))
    expect({ sources, tests, hidden, scripts }).toEqual({ sources: [], tests: [], hidden: [], scripts: [] })
  })

  it("imports its dependencies and Node only, and each of them", () => {
    const { dependencies } = json(installed, "package.json") as { dependencies: Record<string, string> }
    const code = files.filter((path) => /\.m?js$/.test(path))
    expect(code.length).toBeGreaterThan(100)
    const bare = new Set(
      code.flatMap((path) =>
        ts
          .preProcessFile(readFileSync(join(installed, path), "utf8"))
          .importedFiles.map(({ fileName }) => fileName)
          .filter((name) => !name.startsWith(".") && !name.startsWith("node:") && !builtinModules.includes(name))
          .map((name) => name.match(/^(@[^/]+\/)?[^/]+/)![0]),
      ),
    )
    // The set-up takes the headers of Node's interface by their path.
    expect([...bare, "node-api-headers"].sort()).toEqual(Object.keys(dependencies).sort())
  })

  it("runs, answers with the model it brings, and is a library", () => {
    for (const file of ["diffusionvl.node", "info.json"])
      cpSync(join(root, "build", "native", file), join(installed, "build", "native", file))
    const node = (...args: string[]): string =>
      execFileSync(process.execPath, args, { cwd: home, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
    const program = join(installed, "bin", "diffusionvl.mjs")
    const help = node(program, "--help")
    for (const command of ["generate", "chat", "train", "translate", "convert", "doctor"])
      expect(help).toContain(command)
    expect(() => node(program, "demo")).toThrow(/In a clone of the repository: npm run demo/)
    const answer = JSON.parse(node(program, "generate", "What is this?", "--max-tokens", "4", "--json"))
    expect(answer.text).toEqual(expect.any(String))
    const exported = node("--input-type=module", "-e", 'console.log(Object.keys(await import("diffusionvl")).join())')
    expect(exported).toContain("openModel")
  })

  it("has tensors as a subpath, with types, and nothing deeper", () => {
    writeFileSync(
      join(home, "tensors.mts"),
      `import { type Tensor, backward, tensor, tidy } from "diffusionvl/torch"
const x: Tensor = tensor([1, 2, 3]).requiresGrad_()
backward(x.mul(x).sum())
export const doubled = tidy(() => x.grad!.toNumbers()).join()
// @ts-expect-error a text has no such method
export const wrong = (): unknown => doubled.mul(2)
`,
    )
    const compilerOptions = { module: "nodenext", target: "es2022", lib: ["es2023", "esnext.disposable"], strict: true }
    writeFileSync(join(home, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["tensors.mts"] }))
    const run = (...args: string[]): string =>
      execFileSync(process.execPath, args, { cwd: home, encoding: "utf8", stdio: "pipe" })
    run(join(root, "node_modules/typescript/bin/tsc"), "-p", home)
    const evaluate = (code: string): string => run("--input-type=module", "-e", code)
    expect(evaluate('console.log((await import("./tensors.mjs")).doubled)')).toBe("2,4,6\n")
    expect(() => evaluate('await import("diffusionvl/dist/torch/call.js")')).toThrow(/ERR_PACKAGE_PATH_NOT_EXPORTED/)
  })
})
