// node recipes/smollm2-sees/run.mjs --out FOLDER: sets the program up, then runs main.ts beside this file.

await import("../../scripts/sources.mjs")
await import("./main.ts")
