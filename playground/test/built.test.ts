/** What set-up built: small, whole, and without an address of anybody else. */

import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

const folder = fileURLToPath(new URL("../../dist/playground", import.meta.url))
const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name))

test("it is below 100 kB, uncompressed", () => {
  expect(files.length).toBeGreaterThanOrEqual(4)
  expect(files.reduce((bytes, file) => bytes + statSync(file).size, 0)).toBeLessThan(100_000)
})

test("no file names another host, and nothing stands in the page that its policy forbids", () => {
  const texts = files.filter((file) => /\.(html|css|js)$/.test(file)).map((file) => readFileSync(file, "utf8"))
  const hosts = texts.flatMap((text) => [...text.matchAll(/https?:\/\/[^/"'`\s]*/g)].map(([host]) => host))
  // Names of XML's vocabularies, which nobody opens.
  expect([...new Set(hosts)]).toEqual(["http://www.w3.org"])
  const page = texts.find((text) => text.startsWith("<!doctype html>")) as string
  expect(page).not.toMatch(/<style|\sstyle=|\son\w+=/)
  expect(page.match(/<script[^>]*>/g)).toEqual([expect.stringMatching(/ src="\.\/assets\/[^"]+"/)])
})
