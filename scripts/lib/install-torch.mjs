// Installs libtorch into the user's cache with pip, keeping only what a C++ program needs of the wheel.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statfsSync, statSync } from "node:fs"
import { join } from "node:path"
import { readTorch } from "./find-torch.mjs"
import { onExit } from "./on-exit.mjs"
import { run, tail } from "./run.mjs"
import { installHint, SetupError } from "./setup-error.mjs"

export const VERSION = "2.15.0"
const GB = 1e9

/** The folders of the cache that may hold a torch, best first: with a GPU the one with CUDA, else either. */
export function cachedTorchFolders(cache, gpu) {
  const cuda = join(cache, `torch-${VERSION}-cuda`)
  const cpu = join(cache, `torch-${VERSION}`)
  return gpu ? [cuda] : [cpu, cuda]
}

/** True where NVIDIA's driver is loaded. */
export async function hasNvidiaGpu() {
  if (process.platform !== "linux") return false
  if (existsSync("/proc/driver/nvidia/version")) return true
  const { code, output } = await run("nvidia-smi", ["-L"])
  return code === 0 && output.includes("GPU")
}

/**
 * Downloads and unpacks torch: CPU-only where there is no NVIDIA GPU, since the CUDA libraries are gigabytes.
 * A folder appears under its final name only when it is whole. The caller holds the cache's lock.
 *
 * @param {{ cache: string, gpu: boolean, progress: (text: string) => void }} options
 * @returns {Promise<import("./find-torch.mjs").Torch>}
 */
export async function installTorch({ cache, gpu, progress }) {
  const final = cachedTorchFolders(cache, gpu)[0]
  mkdirSync(cache, { recursive: true })
  for (const name of readdirSync(cache)) {
    if (name.startsWith("torch-") && name.includes(".partial"))
      rmSync(join(cache, name), { recursive: true, force: true })
  }
  requireSpace(cache, gpu)
  const python = await findPip()
  const partial = `${final}.partial-${process.pid}`
  const site = join(partial, "site")
  const temporary = join(partial, "tmp")
  mkdirSync(temporary, { recursive: true })
  const forget = onExit(() => rmSync(partial, { recursive: true, force: true }))
  try {
    await pip(python, site, temporary, gpu, progress)
    progress("removing what C++ does not need")
    keepLibraries(site, gpu)
    if (!readTorch(join(site, "torch"), "cache"))
      throw new Error("internal: pip succeeded, but no libtorch is where it should be")
    // Only an incomplete folder can be in the way: a complete one would have been found.
    rmSync(final, { recursive: true, force: true })
    renameSync(site, final)
  } finally {
    forget()
    rmSync(partial, { recursive: true, force: true })
  }
  return readTorch(join(final, "torch"), "cache")
}

function requireSpace(cache, gpu) {
  const needed = gpu ? 14 * GB : 3 * GB
  const { bavail, bsize } = statfsSync(cache)
  if (bavail * bsize < needed) {
    throw new SetupError(
      `${cache} has ${((bavail * bsize) / GB).toFixed(1)} GB free; installing libtorch needs ${needed / GB} GB for a while`,
      "free some space, or set DIFFUSIONVL_CACHE to a folder on another disk",
    )
  }
}

async function findPip() {
  const tried = []
  for (const python of new Set([process.env.PYTHON, "python3", "/usr/bin/python3", "python"])) {
    if (!python) continue
    const { code, missing } = await run(python, ["-m", "pip", "--version"], { cwd: "/" })
    if (code === 0) return python
    if (!missing) tried.push(python)
  }
  const what = tried.length > 0 ? `${tried[0]} has no pip` : "Python 3 was not found"
  throw new SetupError(
    `${what}; it is needed once, to fetch libtorch from the Python package index`,
    `${installHint({ debian: "python3-pip", fedora: "python3-pip", mac: "brew install python" })}\n  or set LIBTORCH to a torch folder you have`,
  )
}

async function pip(python, site, temporary, gpu, progress) {
  const packages = [`torch==${VERSION}`]
  // The PyPI build for Linux needs these two small CUDA libraries even where no GPU is; the CUDA folder gets all of them.
  if (!gpu && process.platform === "linux") packages.push("nvidia-cuda-runtime>=13,<14", "nvidia-cuda-cupti>=13,<14")
  const args = ["-m", "pip", "install", ...(gpu ? [] : ["--no-deps"]), "--target", site]
  // The C++ libraries are the same for every Python: a fixed version works with any that runs pip.
  args.push(
    "--python-version",
    "3.12",
    "--only-binary=:all:",
    "--progress-bar",
    "off",
    "--no-input",
    "--disable-pip-version-check",
  )
  // TMPDIR on the cache's own disk: unpacked files are moved, not copied, and the download can be watched.
  const env = { ...process.env, TMPDIR: temporary, PYTHONUNBUFFERED: "1", PIP_USER: "0", PIP_REQUIRE_VIRTUALENV: "0" }
  let phase = "asking the package index"
  let total = 0
  const timer = setInterval(() => {
    const bytes = phase === "downloading" ? wheelBytes(temporary) : 0
    progress(bytes ? `downloading ${(bytes / GB).toFixed(2)} of ${total.toFixed(2)} GB` : phase)
  }, 500)
  const { code, output } = await run(python, [...args, ...packages], {
    cwd: "/",
    env,
    onLine: (line) => {
      const size = line.match(/^\s*Downloading .*\(([\d.]+) (kB|MB|GB)\)/)
      if (size) {
        phase = "downloading"
        total += Number(size[1]) * { kB: 1e-6, MB: 1e-3, GB: 1 }[size[2]]
      }
      if (line.startsWith("Installing collected packages")) phase = "unpacking"
    },
  })
  clearInterval(timer)
  if (code !== 0) throw pipError(output, temporary)
}

/** Bytes of the wheels pip has fetched so far: they lie one folder deep in its temporary folder. */
function wheelBytes(folder) {
  let bytes = 0
  for (const name of readdirSync(folder)) {
    try {
      for (const file of readdirSync(join(folder, name))) {
        if (file.endsWith(".whl")) bytes += statSync(join(folder, name, file)).size
      }
    } catch {
      // A file, or gone since it was listed.
    }
  }
  return bytes
}

/** pip's failures in one sentence each. Network trouble also ends in "no matching version", so it is looked for first. */
export function pipError(output, folder) {
  if (/No space left on device/i.test(output)) {
    return new SetupError(
      `the disk filled up while libtorch was unpacked into ${folder}`,
      "free some space, or set DIFFUSIONVL_CACHE to another disk",
    )
  }
  if (
    /name resolution|Name or service not known|Connection (refused|reset|broken)|Network is unreachable|timed? ?out|ProxyError|SSLError|Max retries/i.test(
      output,
    )
  ) {
    return new SetupError(
      "the Python package index could not be reached, so libtorch was not downloaded",
      "check the network or pip's index and proxy settings (pip config list), then run the set-up again; or set LIBTORCH to a torch folder you have",
    )
  }
  if (/No matching distribution|Could not find a version/i.test(output)) {
    return new SetupError(
      `pip found no torch ${VERSION}: either its index cannot be reached, or it has none for this system (${process.platform} ${process.arch}), or pip is too old to see it`,
      "check: python3 -m pip --version; pip config list; python3 -m pip install --upgrade pip\n  or set LIBTORCH to a torch folder you have (2.11 or later)",
    )
  }
  return new SetupError(`pip could not install torch:\n${tail(output)}`, "or set LIBTORCH to a torch folder you have")
}

/** Deletes everything but libraries, headers, the version and the licences: a third of the wheel. */
function keepLibraries(site, gpu) {
  keepOnly(site, (name) => name === "torch" || name === "nvidia" || name.endsWith(".dist-info"))
  keepOnly(join(site, "torch"), (name) => ["lib", "include", "version.py"].includes(name))
  const lib = join(site, "torch", "lib")
  keepOnly(lib, (name) => !/^libtorch_python|^libshm|^python/.test(name))
  if (!gpu) keepOnly(lib, (name) => !/^lib(torch_cuda|c10_cuda|caffe2_nvrtc|torch_nvshmem)|^libtorch\.so/.test(name))
}

function keepOnly(folder, keep) {
  for (const name of readdirSync(folder)) {
    if (!keep(name)) rmSync(join(folder, name), { recursive: true, force: true })
  }
}
