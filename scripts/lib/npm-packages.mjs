// The npm packages of a clone: installed when what lies in node_modules is not what package-lock.json says.

import { existsSync, lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { run, tail } from "./run.mjs"
import { SetupError } from "./setup-error.mjs"
import { readJson } from "./stamp.mjs"

/** npm writes its own record when an installation is complete; comparing the two needs no further stamp. */
export function packagesAreCurrent(root) {
  const wanted = readJson(join(root, "package-lock.json"))?.packages
  const installed = readJson(join(root, "node_modules", ".package-lock.json"))?.packages
  if (!installed) return false
  if (!wanted) return true
  return Object.entries(wanted).every(([path, { version, optional, devOptional, link }]) => {
    if (path === "" || link) return true
    // Binaries for other systems are optional and absent.
    if ((optional || devOptional) && !installed[path]) return true
    return installed[path]?.version === version && existsSync(join(root, path, "package.json"))
  })
}

export async function installPackages(root, progress) {
  const hasLock = existsSync(join(root, "package-lock.json"))
  let result = await npm(hasLock ? "ci" : "install", root, progress)
  // package.json was edited by hand: `install` brings the lock up to date.
  if (hasLock && /EUSAGE/.test(result.output)) result = await npm("install", root, progress)
  const { code, output, missing } = result
  if (missing) throw new SetupError("npm was not found beside Node", "install Node 20.19 or later with npm")
  if (code === 0) return
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH/.test(output)) {
    throw new SetupError(
      "the npm registry could not be reached",
      "check the network or npm's registry and proxy settings (npm config list), then run the set-up again",
    )
  }
  if (/ENOSPC/.test(output)) {
    throw new SetupError(
      "the disk filled up while npm packages were installed",
      "free some space and run the set-up again",
    )
  }
  throw new SetupError(`npm could not install the packages:\n${tail(output)}`, "run: npm ci")
}

async function npm(command, root, progress) {
  const timer = setInterval(() => progress(`npm ${command}`), 500)
  try {
    return await run("npm", [command, "--no-audit", "--no-fund"], { cwd: root })
  } finally {
    clearInterval(timer)
  }
}

/** npm links the commands of dependencies but not of the package itself: with this, `npx diffusionvl` works in a clone. */
export function linkCommand(root) {
  const link = join(root, "node_modules", ".bin", "diffusionvl")
  const target = join("..", "..", "bin", "diffusionvl.mjs")
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() && readlinkSync(link) === target) return
  mkdirSync(join(root, "node_modules", ".bin"), { recursive: true })
  rmSync(link, { force: true })
  symlinkSync(target, link)
}
