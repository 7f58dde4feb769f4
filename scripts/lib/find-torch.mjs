// Looks for an installed libtorch (a torch wheel or a libtorch archive). Reads files only: torch itself is never imported.

import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs"
import { join, resolve } from "node:path"
import { run } from "./run.mjs"
import { SetupError } from "./setup-error.mjs"

/** The oldest torch whose C++ interface the engine compiles against. */
export const OLDEST = [2, 11]

const EXTENSION = process.platform === "darwin" ? "dylib" : "so"

/** What decides where torch is found; kept with a build, so that a changed environment is noticed. */
export const ENVIRONMENT = [
  "LIBTORCH",
  "TORCH_NODE_HOME",
  "VIRTUAL_ENV",
  "CONDA_PREFIX",
  "DIFFUSIONVL_CACHE",
  "XDG_CACHE_HOME",
]

export function environmentKey(env = process.env) {
  return ENVIRONMENT.map((name) => `${name}=${env[name] ?? ""}`).join("\n")
}

/**
 * @typedef {object} Torch
 * @property {string} home the folder with lib/ and include/
 * @property {string} lib
 * @property {string} version e.g. "2.15.0+cu132"
 * @property {string | null} gitVersion
 * @property {string | null} cuda the CUDA version it was built for, null when libtorch_cuda is absent
 * @property {string | null} cudaLibrary the path of libtorch_cuda, loaded late
 * @property {string} source where it was found, in words
 */

/**
 * The first usable libtorch: LIBTORCH or TORCH_NODE_HOME, the active virtual environment, the conda prefix,
 * python3's packages, then `caches` (folders this set-up made).
 *
 * @param {{ env?: Record<string, string | undefined>, caches?: string[], findSpec?: () => Promise<string | undefined>,
 *   note?: (text: string) => void }} options
 * @returns {Promise<Torch | undefined>}
 * @throws {SetupError} when a folder named by the user is not a usable libtorch
 */
export async function findTorch({ env = process.env, caches = [], findSpec = pythonTorch, note = () => {} } = {}) {
  for (const name of ["LIBTORCH", "TORCH_NODE_HOME"]) {
    if (env[name]) return namedByUser(name, env[name])
  }
  const places = []
  for (const name of ["VIRTUAL_ENV", "CONDA_PREFIX"]) {
    if (env[name]) for (const folder of sitePackages(env[name])) places.push([folder, name])
  }
  for (const [folder, source] of places) {
    const torch = usable(folder, source, note)
    if (torch) return torch
  }
  const fromPython = await findSpec()
  if (fromPython) {
    const torch = usable(fromPython, "python3", note)
    if (torch) return torch
  }
  for (const cache of caches) {
    const torch = usable(join(cache, "torch"), "cache", note)
    if (torch) return torch
  }
  return undefined
}

function namedByUser(name, value) {
  // A wheel's torch folder, its site-packages, or an unpacked libtorch archive.
  const homes = [value, join(value, "torch"), join(value, "libtorch")].map((path) => resolve(path))
  const torch = homes.map((home) => readTorch(home, name)).find(Boolean)
  if (!torch) {
    throw new SetupError(
      `${name}=${value}: no libtorch there (lib/libtorch_cpu.${EXTENSION} and include/ATen are looked for)`,
      `point ${name} to a torch folder, or unset it and run the set-up again: it finds or installs one`,
    )
  }
  if (!isSupported(torch.version)) {
    throw new SetupError(
      `${name}=${value}: torch ${torch.version} is too old, ${OLDEST.join(".")} or later is needed`,
      `update it with pip, or unset ${name} and run the set-up again`,
    )
  }
  return torch
}

function usable(home, source, note) {
  const torch = readTorch(home, source)
  if (!torch) return undefined
  if (isSupported(torch.version)) return torch
  note(`torch ${torch.version} in ${home} is too old (${OLDEST.join(".")} or later is needed): not used`)
  return undefined
}

/** Describes the libtorch in `home`, or undefined when it is not a whole one. */
export function readTorch(home, source) {
  const lib = join(home, "lib")
  if (!existsSync(join(lib, `libtorch_cpu.${EXTENSION}`))) return undefined
  if (!existsSync(join(home, "include", "ATen", "core", "dispatch", "Dispatcher.h"))) return undefined
  const facts = readVersion(home)
  if (!facts) return undefined
  const cudaLibrary = join(lib, `libtorch_cuda.${EXTENSION}`)
  const hasCuda = existsSync(cudaLibrary)
  return {
    home: realpathSync(home),
    lib: realpathSync(lib),
    version: facts.version,
    gitVersion: facts.gitVersion,
    cuda: hasCuda ? (facts.cuda ?? "unknown") : null,
    cudaLibrary: hasCuda ? realpathSync(cudaLibrary) : null,
    source,
  }
}

/** A wheel says its version in version.py, an archive in build-version, every one in version.h. */
function readVersion(home) {
  const python = readText(join(home, "version.py"))
  if (python) {
    const version = python.match(/^__version__\s*=\s*['"]([^'"]+)['"]/m)?.[1]
    const field = (name) => python.match(new RegExp(`^${name}\\b[^=\\n]*=\\s*['"]([^'"]+)['"]`, "m"))?.[1] ?? null
    if (version) return { version, cuda: field("cuda"), gitVersion: field("git_version") }
  }
  const archive = readText(join(home, "build-version"))?.trim()
  if (archive) {
    const digits = archive.match(/\+cu(\d+)(\d)$/)
    return {
      version: archive,
      cuda: digits ? `${digits[1]}.${digits[2]}` : null,
      gitVersion: readText(join(home, "build-hash"))?.trim() ?? null,
    }
  }
  for (const path of ["torch/headeronly/version.h", "torch/csrc/api/include/torch/version.h"]) {
    const header = readText(join(home, "include", path))
    const parts = ["MAJOR", "MINOR", "PATCH"].map(
      (part) => header?.match(new RegExp(`define TORCH_VERSION_${part} (\\d+)`))?.[1],
    )
    if (parts.every(Boolean)) return { version: parts.join("."), cuda: null, gitVersion: null }
  }
  return undefined
}

export function isSupported(version) {
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10))
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])
}

function sitePackages(prefix) {
  return ["lib", "lib64"].flatMap((lib) => {
    try {
      return readdirSync(join(prefix, lib))
        .filter((name) => /^python3\.\d+$/.test(name))
        .map((name) => join(prefix, lib, name, "site-packages", "torch"))
    } catch {
      return []
    }
  })
}

/** Asks python3 where torch lies without importing it (40 ms against 1.3 s). Runs in /, where no folder is named torch. */
async function pythonTorch() {
  const code = "import importlib.util as u; s = u.find_spec('torch'); print(s.origin if s and s.origin else '')"
  const { code: status, output } = await run("python3", ["-c", code], { cwd: "/" })
  const origin = output.trim().split("\n").at(-1)
  return status === 0 && origin?.endsWith("__init__.py") ? resolve(origin, "..") : undefined
}

function readText(path) {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}
