// The steps of the set-up in their order. Each looks first and works only when something changed.

import { join } from "node:path"
import { buildAddon, currentBuild, recordedTorch } from "./addon.mjs"
import { namedCompiler } from "./compiler.mjs"
import { findTorch } from "./find-torch.mjs"
import { cachedTorchFolders, hasNvidiaGpu, installTorch, VERSION } from "./install-torch.mjs"
import { withLock } from "./lock.mjs"
import { installPackages, linkCommand, packagesAreCurrent } from "./npm-packages.mjs"
import { cacheFolder, isCheckout } from "./paths.mjs"
import { buildPlayground, isPlaygroundBuilt } from "./playground.mjs"
import { buildTypeScript, isBuilt } from "./typescript.mjs"

/** Whether the program can start as it lies: nothing missing, nothing older than its sources. Milliseconds. */
export function isReady(root) {
  return currentBuild(root) !== undefined && (!isCheckout(root) || (isBuilt(root) && isPlaygroundBuilt(root)))
}

/**
 * @param {{ root: string, report: import("./report.mjs").Report, torchOnly?: boolean, force?: boolean }} options
 */
export async function setUp({ root, report, torchOnly = false, force = false }) {
  const onWait = ({ pid }) => report.note(`another set-up is running (process ${pid}): waiting for it`)
  await withLock(
    join(root, "build", "setup.lock"),
    async () => {
      if (!torchOnly && isCheckout(root)) await npmStep(root, report)
      const torch = await torchStep(root, report, force)
      if (torchOnly) return
      await addonStep(root, report, torch, force)
      if (!isCheckout(root)) return
      await typeScriptStep(root, report, force)
      await playgroundStep(root, report, force)
    },
    { onWait },
  )
}

async function npmStep(root, report) {
  const step = report.step("npm packages")
  const current = packagesAreCurrent(root)
  if (!current) await installPackages(root, step.progress)
  linkCommand(root)
  step.done(current ? "in place" : "installed", { worked: !current })
}

async function torchStep(root, report, force) {
  const step = report.step("libtorch")
  const place = (torch) => `${torch.version} in ${torch.home} (${torch.source})`
  const recorded = force ? undefined : recordedTorch(root)
  if (recorded) {
    step.done(place(recorded), { worked: false })
    return recorded
  }
  const cache = cacheFolder()
  const gpu = await hasNvidiaGpu()
  const look = () => findTorch({ caches: cachedTorchFolders(cache, gpu), note: (text) => report.note(text) })
  const found = await look()
  if (found) {
    step.done(place(found), { worked: false })
    return found
  }
  const size = gpu ? "about 3 GB with CUDA, some minutes" : "about 0.6 GB, a minute or two"
  const installed = await withLock(
    join(cache, "torch.lock"),
    async () => {
      // Another checkout may have installed it while this one waited.
      const meanwhile = await look()
      if (meanwhile) return meanwhile
      step.announce(`installing torch ${VERSION} into ${cache} (${size})`)
      return installTorch({ cache, gpu, progress: step.progress })
    },
    { onWait: ({ pid }) => report.note(`another set-up is installing libtorch (process ${pid}): waiting for it`) },
  )
  step.done(place(installed))
  return installed
}

async function addonStep(root, report, torch, force) {
  const step = report.step("engine")
  const current = force ? undefined : currentBuild(root)
  // A compiler that was named is used, or refused: also where another has built everything already.
  if (current && (!namedCompiler() || current.cxx === namedCompiler())) return step.done("built", { worked: false })
  const compiled = await buildAddon({ root, torch, progress: step.progress, force })
  step.done(compiled === 0 ? "linked" : `compiled ${compiled} ${compiled === 1 ? "file" : "files"}`)
}

async function typeScriptStep(root, report, force) {
  const step = report.step("TypeScript")
  if (!force && isBuilt(root)) return step.done("built", { worked: false })
  const errors = await buildTypeScript(root, step.progress)
  step.done("built")
  if (errors.length > 0)
    report.note(`  with ${errors.length} type ${errors.length === 1 ? "error" : "errors"}, first: ${errors[0]}`)
}

async function playgroundStep(root, report, force) {
  const step = report.step("playground")
  if (!force && isPlaygroundBuilt(root)) return step.done("built", { worked: false })
  await buildPlayground(root)
  step.done("built")
}
