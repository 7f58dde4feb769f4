// Makes docs/models.md from what its tests find: npm run models

import { spawnSync } from "node:child_process"
import { resolve } from "node:path"

const vitest = resolve(import.meta.dirname, "../node_modules/vitest/vitest.mjs")
const { status } = spawnSync(process.execPath, [vitest, "run", "test/models/models.test.ts"], {
  cwd: resolve(import.meta.dirname, ".."),
  env: { ...process.env, MODELS_DOCUMENT: "write" },
  stdio: "inherit",
})
process.exitCode = status ?? 1
