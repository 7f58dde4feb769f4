import { fileURLToPath } from "node:url"
import { defineConfig } from "vite"

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: folder("."),
  // Relative addresses: the page works wherever a proxy puts it.
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: folder("../dist/playground"),
    emptyOutDir: true,
    // No source becomes a data URI or an inline script: the page's policy allows files of its own only.
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
  },
})
