import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { findPictures, type PictureRules } from "./find.js"
import { fetchPicture } from "./remote.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-pictures-"))
let server: Server
let base: string
beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === "/ok") response.end("picture")
    else if (request.url === "/inside") response.writeHead(302, { location: "http://127.0.0.2/secret" }).end()
    else if (request.url === "/again") response.writeHead(302, { location: "/ok" }).end()
    else if (request.url === "/circle") response.writeHead(302, { location: "/circle" }).end()
    else if (request.url === "/file") response.writeHead(302, { location: "file:///etc/passwd" }).end()
    else if (request.url === "/large") response.end("x".repeat(5000))
    else if (request.url === "/late") setTimeout(() => response.end("picture"), 1500)
    else if (request.url === "/slow") response.write("x")
    else response.writeHead(404).end()
  })
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true })
})

const refused = (message: RegExp) =>
  expect.objectContaining({ name: "ApiError", status: 400, message: expect.stringMatching(message) })
/** Only the test's own server. */
const isAllowed = (address: string): boolean => address === "127.0.0.1"

describe("fetchPicture", () => {
  it("follows addresses that it may, redirects included", async () => {
    for (const path of ["/ok", "/again"])
      expect(Buffer.from(await fetchPicture(base + path, { bytes: 100, isAllowed })).toString()).toBe("picture")
  })

  it.each<[string, RegExp, number?]>([
    ["/inside", /not public/],
    ["/file", /http or https/],
    ["/circle", /redirects too often/],
    ["/none", /status 404/],
    ["/large", /more than the 100 bytes/],
    ["/slow", /too long/, 500],
  ])("refuses %s", async (path, message, timeoutMs = 60_000) => {
    await expect(fetchPicture(base + path, { bytes: 100, isAllowed, timeoutMs })).rejects.toEqual(refused(message))
  })

  it("asks nothing of this machine and its networks, whatever it is called", async () => {
    const { port } = server.address() as AddressInfo
    const names = [
      "127.0.0.1",
      "localhost",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "0.0.0.0",
      "2130706433",
      "0x7f000001",
      "127.1",
      "169.254.169.254",
    ]
    for (const name of names)
      await expect(fetchPicture(`http://${name}:${port}/ok`, { bytes: 100, timeoutMs: 2000 })).rejects.toEqual(
        refused(/not public|cannot be reached/),
      )
    await expect(fetchPicture("http://me:secret@example.com/", { bytes: 100 })).rejects.toEqual(
      refused(/name or a password/),
    )
  })
})

describe("findPictures", () => {
  const root = join(folder, "root")
  const rules: PictureRules = { count: 2, bytes: 100, remote: false, root }
  const find = (...urls: string[]) =>
    findPictures(
      urls.map((url) => ({ type: "url", url })),
      rules,
      () => undefined,
    )
  beforeAll(() => {
    mkdirSync(join(root, "sub"), { recursive: true })
    mkdirSync(join(folder, "root-beside"))
    writeFileSync(join(root, "sub", "a.png"), "a")
    writeFileSync(join(root, "large.png"), "x".repeat(200))
    for (const place of ["secret", "root-beside/secret"]) writeFileSync(join(folder, place), "secret")
    symlinkSync(join(folder, "secret"), join(root, "link.png"))
    symlinkSync(join(root, "sub", "a.png"), join(root, "inside.png"))
    execFileSync("mkfifo", [join(root, "pipe.png")])
  })

  it("reads files below its folder, also by links that stay there", async () => {
    const [one, two] = (await find(`file://${root}/sub/a.png`, `file://${root}/inside.png`)) as { bytes: Uint8Array }[]
    expect([Buffer.from(one.bytes).toString(), Buffer.from(two.bytes).toString()]).toEqual(["a", "a"])
  })

  it.each([
    "link.png",
    "../secret",
    "sub/../../secret",
    "../root-beside/secret",
    "none.png",
    "sub",
    "pipe.png",
    "%00",
    "..%2Fsecret",
  ])("does not read %s", async (name) => {
    await expect(find(`file://${root}/${name}`)).rejects.toEqual(refused(/no such picture/))
  })

  it("follows nothing that it was not told to", async () => {
    await expect(find("https://example.com/a.png")).rejects.toMatchObject({ code: "remote_images_not_allowed" })
    await expect(find(`file://${root}/large.png`)).rejects.toEqual(refused(/more than the 100 bytes/))
    for (const url of ["", "ftp://x/y", "javascript:1", "/etc/passwd", "data:image/png,x", "//x"])
      await expect(find(url)).rejects.toEqual(refused(/data URI/))
    await expect(
      findPictures([{ type: "url", url: `file://${root}/sub/a.png` }], { ...rules, root: undefined }, () => undefined),
    ).rejects.toEqual(refused(/data URI/))
    await expect(find("a", "b", "c")).rejects.toEqual(refused(/more than the 2/))
  })

  it("has bytes and a time for all pictures of a request together", async () => {
    writeFileSync(join(root, "half.png"), "x".repeat(60))
    const url = `file://${root}/half.png`
    expect(await find(url)).toHaveLength(1)
    await expect(find(url, url)).rejects.toEqual(refused(/more than the 40 bytes left/))
    const remote = { ...rules, remote: true, isAllowed, milliseconds: 2500 }
    const slow = Array.from({ length: 2 }, () => ({ type: "url" as const, url: `${base}/late` }))
    await expect(findPictures(slow.slice(1), remote, () => undefined)).resolves.toHaveLength(1)
    await expect(findPictures(slow, remote, () => undefined)).rejects.toEqual(refused(/too long/))
  })

  it("takes what was taken out of the body by its name", async () => {
    const bytes = new Uint8Array([1])
    const found = await findPictures(
      [
        { type: "base64", data: "name" },
        { type: "base64", data: "QUJD" },
      ],
      rules,
      (name) => (name === "name" ? bytes : undefined),
    )
    expect(found).toEqual([{ base64: bytes }, { base64: "QUJD" }])
  })
})
