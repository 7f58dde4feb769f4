/** The page at /: files of one folder, known when the server starts. */

import { existsSync, readdirSync, readFileSync } from "node:fs"
import { extname, join, sep } from "node:path"
import { fileURLToPath } from "node:url"

/** Built by set-up: the same from src/ and from dist/. */
export const PAGE = fileURLToPath(new URL("../../../dist/playground", import.meta.url))

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".map": "application/json",
}

/** Nothing but the server's own; pictures may also be those that were just chosen. */
const POLICY = [
  "default-src 'self'",
  "img-src 'self' data: blob:",
  "style-src 'self' 'unsafe-inline'",
  "connect-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ")

export interface PageFile {
  body: Uint8Array<ArrayBuffer>
  headers: Record<string, string>
}

/** Files by the path of their request; nothing else of the disk can be asked for. */
export function readPage(folder: string): Map<string, PageFile> {
  const files = new Map<string, PageFile>()
  if (!existsSync(folder)) return files
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const type = TYPES[extname(entry.name)]
    if (!entry.isFile() || type === undefined) continue
    const path = join(entry.parentPath, entry.name)
    const name = path
      .slice(folder.length)
      .split(sep)
      .filter((part) => part !== "")
      .join("/")
    const file = { body: new Uint8Array(readFileSync(path)), headers: headersOf(type, name) }
    files.set(`/${name}`, file)
    if (name === "index.html") files.set("/", file)
  }
  return files
}

const headersOf = (type: string, name: string): Record<string, string> => ({
  "content-type": type,
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  // Names of built files hold a hash of what is in them.
  "cache-control": name.startsWith("assets/") ? "public, max-age=31536000, immutable" : "no-cache",
})

/** A report is a page of its own that needs nothing from anywhere. */
export const REPORT_HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox",
  "x-content-type-options": "nosniff",
}
