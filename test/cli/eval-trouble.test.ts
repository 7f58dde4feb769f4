/** `diffusionvl eval` in trouble: a sentence each time, nothing lost, and the same command goes on when the trouble is over. */

import { spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { collect, program, type Result, start } from "../support/program.js"
import { runDifferences } from "../support/run-contents.js"
import { SMALL_DECODING, writeSmallEvaluation } from "../support/small-evaluation.js"

const root = mkdtempSync(join(tmpdir(), "eval-trouble-"))
const data = join(root, "däta 😀 'x")
const ask = ["eval", join(data, "blocks"), "--tasks", "chartqa", "--data", `chartqa=${join(data, "chartqa.jsonl")}`]
const ARGS = [...ask, ...SMALL_DECODING, "--out", "run"]
const inFolder = (name: string): string => {
  mkdirSync(join(root, name))
  return join(root, name)
}
const run = (folder: string, args: readonly string[] = ARGS): Promise<Result> => start(folder, args).result
const answersIn = (folder: string): string => {
  const answers = join(folder, "run", "answers")
  return join(answers, readdirSync(answers)[0])
}
const linesIn = (file: string): string[] => readFileSync(file, "utf8").split("\n").slice(0, -1)

beforeAll(() => writeSmallEvaluation(data, 40))
afterAll(() => rmSync(root, { recursive: true }))

/** A run that was not disturbed: made for the first test that wants it. */
let made: Promise<string> | undefined
const whole = (): Promise<string> => {
  const make = async (): Promise<string> => {
    const folder = inFolder("whole")
    expect(await run(folder)).toMatchObject({ code: 0 })
    return join(folder, "run")
  }
  made ??= make()
  return made
}

describe("eval", { timeout: 600_000 }, () => {
  it.skipIf(process.platform === "win32")(
    "ends in a sentence when it cannot write, and goes on when it can",
    async () => {
      const folder = inFolder("full")
      // Blocks are of 512 or 1,024 bytes, as the shell has it.
      const limited = spawn("sh", ["-c", 'ulimit -f 5 && exec "$@"', "sh", process.execPath, program, ...ARGS], {
        cwd: folder,
      })
      const { code, err } = await collect(limited).result
      expect([code, err]).toEqual([
        1,
        expect.stringMatching(/answers.*: the file would be larger than the system allows/),
      ])
      const kept = linesIn(answersIn(folder)).length
      expect(kept).toBeGreaterThan(1)
      const again = await run(folder)
      expect(again).toMatchObject({ code: 0, err: expect.stringContaining(`${kept - 1} of 40 answers are known`) })
      expect(runDifferences(await whole(), join(folder, "run"))).toEqual([])
    },
  )

  it("names a damaged line of answers, and touches nothing until it is gone", async () => {
    const folder = inFolder("damaged")
    expect(await run(folder)).toMatchObject({ code: 0 })
    const file = answersIn(folder)
    const lines = linesIn(file)
    const damaged = lines.with(5, lines[5].slice(9))
    writeFileSync(file, `${damaged.join("\n")}\n{"index": 3, "cu`)
    const before = readFileSync(file)
    for (const args of [ARGS, ["eval", "rescore", "run"]]) {
      const { code, err } = await run(folder, args)
      expect([code, err]).toEqual([1, expect.stringMatching(/jsonl, line 6: the line is damaged.*\n.*delete the line/)])
      expect(readFileSync(file)).toEqual(before)
    }
    writeFileSync(file, `${damaged.toSpliced(5, 1).join("\n")}\n{"index": 3, "cu`)
    expect(await run(folder)).toMatchObject({ code: 0, err: expect.stringContaining("39 of 40 answers are known") })
    expect(runDifferences(await whole(), join(folder, "run"))).toEqual([])
  })

  it("asks what has changed, and says what cannot be scored any more", async () => {
    const folder = inFolder("changed")
    const mine = join(folder, "meine Aufgabe 😀.yaml")
    const write = (prompt: string): void =>
      writeFileSync(mine, `task: mine\ndata: data.jsonl\nprompt: "${prompt}"\ntarget: "{{ answer }}"\n`)
    const rows = Array.from({ length: 6 }, (_, i) => JSON.stringify({ question: `What is ${i}?`, answer: "red" }))
    const file = join(folder, "data.jsonl")
    const args = ["eval", join(data, "blocks"), "--tasks", mine, ...SMALL_DECODING, "--out", "run"]
    const known = async (...more: string[]): Promise<string> => {
      const { code, err } = await run(folder, [...args, ...more])
      expect(code).toBe(0)
      return /\d+ of \d+ answers are known/.exec(err)?.[0] ?? "none"
    }
    writeFileSync(file, rows.join("\n"))
    write("{{ question }}")
    expect([await known("--limit", "4"), await known(), await known("--limit", "2")]).toEqual([
      "none",
      "4 of 6 answers are known",
      "2 of 2 answers are known",
    ])
    writeFileSync(file, rows.with(1, JSON.stringify({ question: "Who?", answer: "red" })).join("\n"))
    const rescored = await run(folder, ["eval", "rescore", "run"])
    expect(rescored).toMatchObject({
      code: 1,
      err: expect.stringMatching(/documents are not those .*\n.*run the eval/),
    })
    expect(await known()).toBe("5 of 6 answers are known")
    writeFileSync(file, rows.join("\n"))
    expect(await known()).toBe("6 of 6 answers are known")
    write("Say: {{ question }}")
    expect((await run(folder, ["eval", "rescore", "run"])).err).toContain("its prompt is another")
    expect(await known("--limit", "1")).toBe("none")
    write("{{ question }}")
    expect(await known()).toBe("6 of 6 answers are known")
    renameSync(file, join(folder, "gone.jsonl"))
    expect((await run(folder, ["eval", "rescore", "run"])).err).toMatch(/data\.jsonl: the data is not there/)
  })

  it("outlives a server that goes away, comes back, sends pages, refuses and says nothing", async () => {
    const folder = inFolder("served")
    let asked = 0
    const answer = (response: ServerResponse): void => {
      const send = (value: object): unknown => response.write(`data: ${JSON.stringify(value)}\n\n`)
      response.writeHead(200, { "content-type": "text/event-stream" })
      if (asked % 2) send({ choices: [{ delta: { content: "red" }, finish_reason: null }] })
      send({ choices: [{ delta: {}, finish_reason: "stop" }] })
      response.end("data: [DONE]\n\n")
    }
    let current: Server
    const listen = (port: number): Promise<number> =>
      new Promise((done) => {
        const server = createServer((request, response) => {
          if (request.url === "/v1/models") response.end(JSON.stringify({ data: [{ id: "m" }] }))
          else if (++asked === 9)
            response.writeHead(200, { "content-type": "text/html" }).end("<html>We will be back soon</html>")
          else if (asked === 15) response.writeHead(400).end(JSON.stringify({ error: { message: "too long for me" } }))
          else if (asked !== 20) answer(response)
          else {
            const { port } = server.address() as AddressInfo
            server.close()
            server.closeAllConnections()
            setTimeout(listen, 500, port)
          }
        })
        current = server
        server.listen(port, "127.0.0.1", () => done((server.address() as AddressInfo).port))
      })
    const port = await listen(0)
    try {
      const args = ["eval", "--url", `http://127.0.0.1:${port}`, ...ask.slice(2), "--concurrent", "2", "--out", "run"]
      const { code, out, err } = await run(folder, args)
      expect([code, err]).toEqual([
        0,
        expect.stringMatching(/sends text\/html; trying again.*cannot be reached|broke/s),
      ])
      expect(out).toMatch(/\d+ of 40 answers could not be read/)
      expect(out).toMatch(/1 of 40 documents failed .*too long for me; --retry-failed asks them again/)
      expect(linesIn(answersIn(folder))).toHaveLength(41)
      expect((await run(folder, args)).err).toContain("40 of 40 answers are known")
      const retried = await run(folder, [...args, "--retry-failed"])
      expect(retried).toMatchObject({ code: 0, err: expect.stringContaining("39 of 40 answers are known") })
      expect(retried.out).not.toContain("failed")
    } finally {
      current!.close()
    }
  })
})
