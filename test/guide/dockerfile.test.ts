/** The Dockerfile, as far as it can be checked without building it: what each instruction names is there. */

import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join, resolve } from "node:path"
import { expect, it } from "vitest"
import { createProgram } from "../../src/cli/main.js"

const root = resolve(import.meta.dirname, "../..")
const read = (name: string): string => readFileSync(join(root, name), "utf8")

/** Instructions and their arguments, continued lines joined. */
const instructions = read("Dockerfile")
  .replace(/^#.*\n/gm, "")
  .replace(/\\\n/g, " ")
  .split("\n")
  .filter((line) => line.trim() !== "")
  .map((line) => /^([A-Z]+)\s+(.*)$/.exec(line)!)
  .map(([, name, rest]) => ({ name, rest: rest.replace(/\s+/g, " ") }))
const all = (name: string): string[] => instructions.filter((one) => one.name === name).map(({ rest }) => rest)

const ignored = read(".dockerignore").trim().split("\n")

it("copies what is there, from stages that are there", () => {
  const stages = all("FROM").map((rest) => / AS (\S+)$/.exec(rest)?.[1])
  const copies = all("COPY").map((rest) => rest.split(" "))
  expect(copies.length).toBeGreaterThan(2)
  for (const words of copies) {
    const from = words.find((word) => word.startsWith("--from="))?.slice("--from=".length)
    if (from !== undefined) expect(stages).toContain(from)
    else for (const source of words.slice(0, -1)) expect(existsSync(join(root, source)), `COPY ${source}`).toBe(true)
  }
})

it("what set-up and the server need is copied by COPY . ., and nothing that a checkout only has locally", () => {
  expect(all("COPY")).toContain(". .")
  const needed = [
    "package.json",
    "scripts/setup.mjs",
    "bin/diffusionvl.mjs",
    "src",
    "native",
    "recipes",
    "models/emoji-diffusion",
  ]
  for (const path of [...needed, "models/emoji-ar", "playground/src", "playground/index.html", "examples/pictures"]) {
    expect(existsSync(join(root, path)), path).toBe(true)
    expect(
      ignored.some((one) => path === one || path.startsWith(`${one}/`)),
      path,
    ).toBe(false)
  }
  // Folders that git ignores may hold gigabytes.
  const local = [...read(".gitignore").matchAll(/^(\S+)\/$/gm)].map(([, folder]) => folder)
  expect(local.length).toBeGreaterThan(3)
  expect(ignored).toEqual(expect.arrayContaining(local))
})

it("runs scripts of the package and programs that its packages bring", () => {
  const { scripts, engines } = JSON.parse(read("package.json"))
  const commands = all("RUN").flatMap((rest) => rest.split("&&").map((command) => command.trim()))
  const known = ["apt-get", "rm", "npm", "mkdir", "chown"]
  for (const command of commands) expect(known, command).toContain(command.split(" ")[0])
  for (const [, script] of commands.join("\n").matchAll(/npm run (\S+)/g)) expect(scripts).toHaveProperty([script])
  expect(commands.some((command) => command.startsWith("npm ci"))).toBe(true)
  for (const image of all("FROM")) {
    const major = Number(/^node:(\d+)-/.exec(image)![1])
    expect(major).toBeGreaterThanOrEqual(Number(/\d+/.exec(engines.node)![0]))
  }
})

it("starts the server with options that it has, and what tells whether it is healthy does", async () => {
  const [entry] = all("ENTRYPOINT").map((rest) => JSON.parse(rest) as string[])
  expect(entry.slice(0, 3)).toEqual(["node", "bin/diffusionvl.mjs", "serve"])
  const options = createProgram()
    .commands.find((command) => command.name() === "serve")!
    .options.map(({ long }) => long)
  for (const option of entry.filter((word) => word.startsWith("--"))) expect(options).toContain(option)

  const [, check] = /CMD (\[.*\])$/.exec(all("HEALTHCHECK")[0])!
  const [program, ...args] = JSON.parse(check) as string[]
  expect(program).toBe("node")
  let status = 200
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url!)
    response.writeHead(status).end()
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  const here = args.map((word) => word.replace(`:${all("EXPOSE")[0]}/`, `:${port}/`))
  const exit = () => new Promise((done) => spawn(process.execPath, here).on("exit", done))
  expect(await exit()).toBe(0)
  status = 503
  expect(await exit()).toBe(1)
  server.close()
  expect(await exit()).toBe(1)
  expect(asked).toEqual(["/health", "/health"])
})
