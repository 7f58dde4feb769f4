import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const source = (file: string): string => fileURLToPath(new URL(`src/${file}`, import.meta.url))

export default defineConfig({
  // Programs of users import the library by its name; in tests it is the source that everything else imports.
  resolve: {
    alias: [
      { find: /^diffusionvl$/, replacement: source("index.ts") },
      { find: /^diffusionvl\/torch$/, replacement: source("torch-entry.ts") },
    ],
  },
  test: {
    include: [
      "src/**/*.test.ts",
      "test/**/*.test.ts",
      "examples/**/*.test.ts",
      "recipes/**/*.test.ts",
      "playground/**/*.test.ts",
    ],
    pool: "forks",
    // A test that compared nothing, such as a loop over an empty list, has not passed.
    expect: { requireAssertions: true },
    // The engine is multi-threaded itself: two files at once are enough for a small machine.
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
