/** Commands are run by a real shell, with curl replaced by a function that shows what it was given. */

import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterAll, beforeAll, expect, test } from "vitest"
import { NO_CHOICE } from "../protocol/choice.js"
import { requestOf } from "../protocol/request.js"
import { cliCommand } from "./cli.js"
import { curlCommand } from "./curl.js"

const BYTES = Buffer.from([0, 1, 2, 250, 251, 252])
const picture = {
  name: "it's a cat.png",
  url: `data:image/png;base64,${BYTES.toString("base64")}`,
  width: 1,
  height: 1,
}
const choice = { ...NO_CHOICE, model: "emoji-diffusion", mode: "block-diffusion", steps: "4" }
const NASTY = `"url": "" it's \`id\` $(id) $HOME \\ \\n "quoted"\nJSON `

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "commands-"))
  writeFileSync(join(folder, picture.name), BYTES)
})
afterAll(() => rmSync(folder, { recursive: true }))

function shell(script: string): string {
  const { stdout, stderr, status } = spawnSync("sh", ["-c", script], { cwd: folder, encoding: "utf8" })
  expect(stderr).toBe("")
  expect(status).toBe(0)
  return stdout
}

function sentBody(text: string, pictures = [picture]) {
  const before = [{ question: { text: NASTY, pictures }, answer: "no" }]
  const request = requestOf(choice, undefined, { system: "", before, question: { text, pictures } })
  const command = curlCommand(request, [...pictures, ...pictures], "http://localhost:8080/v1/chat/completions", true)
  return { request, body: JSON.parse(shell(`curl() { cat; }\n${command}`)) }
}

test("curl sends the same messages, pictures read from their files", () => {
  const { request, body } = sentBody(NASTY)
  expect(body).toEqual({
    model: "emoji-diffusion",
    messages: request.messages,
    diffusion: { mode: "block-diffusion", steps: 4 },
  })
})

test("whatever is asked, a shell sends it as it is", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      const { request, body } = sentBody(text, [])
      expect(body.messages).toEqual(request.messages)
    }),
    { numRuns: 15 },
  )
})

test("the key itself is not written; without one there is no header", () => {
  const request = requestOf(choice, undefined, { system: "", before: [], question: { text: "Hi", pictures: [] } })
  expect(curlCommand(request, [], "http://localhost/v1/chat/completions", true)).toContain(
    '"Authorization: Bearer $API_KEY"',
  )
  expect(curlCommand(request, [], "http://localhost/v1/chat/completions", false)).not.toContain("Authorization")
})

test("the command line gets its words whole", () => {
  const question = { text: `-- ${NASTY}`, pictures: [picture] }
  const request = requestOf(choice, undefined, { system: "Be 'brief'.", before: [], question })
  const words = shell(`npx() { for word; do printf '%s\\0' "$word"; done; }\n${cliCommand(request, [picture])}`)
  expect(words.split("\0").slice(0, -1)).toEqual([
    ...["diffusionvl", "generate", "--model", "emoji-diffusion", "--system", "Be 'brief'.", "--image", picture.name],
    ...["--mode", "block-diffusion", "--steps", "4", "--", question.text],
  ])
})
