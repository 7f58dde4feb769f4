import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts", "examples/**/*.test.ts", "recipes/**/*.test.ts"],
    pool: "forks",
    // A test that compared nothing, such as a loop over an empty list, has not passed.
    expect: { requireAssertions: true },
    // The engine is multi-threaded itself: two files at once are enough for a small machine.
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
