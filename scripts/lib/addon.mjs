// Compiles native/*.cc against the libtorch that was found: one object per file, cached by content, then one link.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from "node:fs"
import { createRequire } from "node:module"
import { availableParallelism } from "node:os"
import { basename, dirname, join } from "node:path"
import { COMPILE_MODE, findCompiler } from "./compiler.mjs"
import { environmentKey, readTorch } from "./find-torch.mjs"
import { run, tail } from "./run.mjs"
import { installHint, SetupError } from "./setup-error.mjs"
import { compare, contentMark, hashOf, listFiles, marksOf, readJson, renewMarks, writeJson } from "./stamp.mjs"

const MAC = process.platform === "darwin"
const COMPILE = ["-O2", COMPILE_MODE, "-DNDEBUG", "-fPIC", "-fexceptions", "-frtti", "-DNAPI_EXPERIMENTAL"]

const sourcesOf = (root) => listFiles(join(root, "native"), (path) => /\.(cc|h)$/.test(path))
const infoPath = (root) => join(root, "build", "native", "info.json")
export const addonPath = (root) => join(root, "build", "native", "diffusionvl.node")

/**
 * What the last build recorded, if it still holds: same sources, same environment, torch still there and the same.
 * Reads file times only (a few milliseconds), so that every start of the program can ask.
 */
export function currentBuild(root, env = process.env) {
  const info = readJson(infoPath(root))
  if (!info || !existsSync(addonPath(root)) || info.environment !== environmentKey(env)) return undefined
  const torch = readTorch(info.torchHome, info.torchSource)
  if (
    !torch ||
    torch.version !== info.torchVersion ||
    torch.gitVersion !== info.gitVersion ||
    torch.cudaLibrary !== info.torchCuda
  )
    return undefined
  const state = compare(info.marks, root, sourcesOf(root))
  if (state === "changed") return undefined
  if (state === "touched") renewMarks(infoPath(root), { ...info, marks: marksOf(root, sourcesOf(root)) })
  return info
}

/** The torch of the last build while its environment holds, so that python3 is not asked again; else undefined. */
export function recordedTorch(root, env = process.env) {
  const info = readJson(infoPath(root))
  if (!info || info.environment !== environmentKey(env)) return undefined
  const torch = readTorch(info.torchHome, info.torchSource)
  return torch?.version === info.torchVersion ? torch : undefined
}

/**
 * Builds the addon and its info.json.
 * @param {{ root: string, torch: import("./find-torch.mjs").Torch, progress: (text: string) => void, force?: boolean }} options
 * @returns {Promise<number>} how many files were compiled; the others came from the object cache
 */
export async function buildAddon({ root, torch, progress, force = false }) {
  const files = sourcesOf(root)
  const sources = files.filter((path) => path.endsWith(".cc"))
  if (sources.length === 0) throw new Error(`internal: no C++ sources in ${join(root, "native")}`)
  const marks = marksOf(root, files)
  const compiler = await findCompiler()
  const headers = contentMark(
    root,
    files.filter((path) => path.endsWith(".h")),
  )
  const include = [
    ...["include", "include/torch/csrc/api/include"].flatMap((path) => ["-isystem", join(torch.home, path)]),
    ...["-isystem", nodeApiHeaders(root)],
  ]
  const base = hashOf(
    compiler.identity,
    COMPILE.join(" "),
    torch.version,
    torch.gitVersion ?? "",
    process.arch,
    headers,
  )
  const objects = join(root, "build", "native", "objects")
  mkdirSync(objects, { recursive: true })

  const jobs = sources.map((source) => {
    const text = readFileSync(source, "utf8")
    const flags = extraFlags(text)
    const object = join(objects, `${basename(source, ".cc")}-${hashOf(base, flags.join(" "), text)}.o`)
    return { source, flags, object }
  })
  const pending = jobs.filter(({ object }) => force || !existsSync(object))
  let finished = 0
  const tell = () => progress(`compiling ${finished} of ${pending.length} files with ${compiler.name}`)
  const timer = setInterval(tell, 500)
  try {
    await inParallel(pending, availableParallelism(), async ({ source, flags, object }) => {
      await compile(compiler, [...COMPILE, ...compiler.flags, ...flags, ...include], source, object)
      finished += 1
    })
  } finally {
    clearInterval(timer)
  }
  await link(
    compiler,
    torch,
    root,
    jobs.map(({ object }) => object),
  )
  writeJson(infoPath(root), {
    torchVersion: torch.version,
    torchHome: torch.home,
    torchLib: torch.lib,
    torchSource: torch.source,
    torchCuda: torch.cudaLibrary,
    cuda: torch.cuda,
    gitVersion: torch.gitVersion,
    compiler: compiler.version,
    cxx: compiler.name,
    builtAt: new Date().toISOString(),
    key: hashOf(base, marks.content),
    environment: environmentKey(),
    marks,
  })
  forgetOldObjects(objects, jobs)
  return pending.length
}

/** Node's C headers, from the npm package, wherever npm put it. */
function nodeApiHeaders(root) {
  try {
    return join(dirname(createRequire(join(root, "package.json")).resolve("node-api-headers/package.json")), "include")
  } catch {
    throw new SetupError("the npm package node-api-headers is missing", "run: npm install")
  }
}

/** `// flags: -mavx2 -mfma` among a file's first lines, for x86-64 only: such a file asks the CPU before it uses them. */
export function extraFlags(text, arch = process.arch) {
  if (arch !== "x64") return []
  const line = text.split("\n", 5).find((candidate) => candidate.startsWith("// flags:"))
  return line ? line.slice("// flags:".length).trim().split(/\s+/) : []
}

async function compile(compiler, flags, source, object) {
  const draft = `${object}.${process.pid}.draft`
  const { code, output } = await run(compiler.command, [...compiler.args, ...flags, "-c", source, "-o", draft])
  if (code === 0 && existsSync(draft)) return renameSync(draft, object)
  rmSync(draft, { force: true })
  throw compilerError(compiler, `${basename(source)} does not compile`, output)
}

async function link(compiler, torch, root, objects) {
  const target = addonPath(root)
  const draft = `${target}.${process.pid}.node`
  const system = MAC ? ["-undefined", "dynamic_lookup"] : ["-Wl,--no-as-needed", "-Wl,-z,nodelete"] // nodelete: worker threads come and go, libtorch stays
  // -Xlinker, not -Wl: a folder may have a comma in its name.
  const rpath = ["-rpath", torch.lib].flatMap((word) => ["-Xlinker", word])
  const libraries = [`-L${torch.lib}`, ...system, "-ltorch_cpu", "-lc10", ...rpath]
  try {
    const linked = await run(compiler.command, [...compiler.args, "-shared", ...objects, "-o", draft, ...libraries])
    if (linked.code !== 0) throw compilerError(compiler, "the engine does not link", linked.output)
    // Loaded once in another process before it is put in place: a libtorch with missing libraries shows here, in a sentence.
    const loaded = await run(process.execPath, ["-e", `require(${JSON.stringify(draft)})`])
    if (loaded.code !== 0) {
      const reason = loaded.output.match(/^Error: (.*)$/m)?.[1] ?? tail(loaded.output)
      throw new SetupError(
        `the libtorch in ${torch.home} does not load: ${reason}`,
        "set LIBTORCH to another torch folder, or reinstall that torch",
      )
    }
    renameSync(draft, target)
  } finally {
    rmSync(draft, { force: true })
  }
}

function compilerError(compiler, what, output) {
  if (/No space left on device/i.test(output))
    return new SetupError("the disk is full", "free some space and run the set-up again")
  if (/Killed|out of memory|cannot allocate/i.test(output)) {
    return new SetupError(
      `the compiler ran out of memory (${what})`,
      "close other programs and run the set-up again: finished files are kept",
    )
  }
  if (/unrecognized command[- ]line option.*-std=c\+\+20|invalid value 'c\+\+20'/.test(output)) {
    return new SetupError(
      `${compiler.version} is too old: C++20 is needed`,
      installHint({ debian: "g++", fedora: "gcc-c++", mac: "xcode-select --install" }),
    )
  }
  const errors = output.split("\n").filter((line) => /error|undefined reference/i.test(line))
  return new SetupError(
    `${what} with ${compiler.version}:\n${errors.slice(0, 12).join("\n") || tail(output)}`,
    "another compiler may be chosen with CXX=…",
  )
}

async function inParallel(items, width, work) {
  const queue = [...items]
  const failures = []
  const worker = async () => {
    for (let item = queue.shift(); item && failures.length === 0; item = queue.shift()) {
      await work(item).catch((error) => failures.push(error))
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker))
  if (failures.length > 0) throw failures[0]
}

/** Objects of other branches and other torches are kept for two weeks. */
function forgetOldObjects(folder, jobs) {
  const now = new Date()
  for (const { object } of jobs) utimesSync(object, now, now)
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (now - statSync(path).mtimeMs > 14 * 86_400_000) rmSync(path, { force: true })
  }
}
