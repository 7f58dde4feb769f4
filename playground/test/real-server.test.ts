/** The page before the real thing: `diffusionvl serve` with the built-in models, in a browser. */

import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { Browser, Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, expect, it } from "vitest"
import { program } from "../../test/support/program.js"
import { type Look, openBrowser, openPage, type WatchedPage, withBrowser } from "./browser.js"
import { answers, PANDA, question, send } from "./describe-page.js"
import { faults } from "./in-page.js"

/** Milliseconds: a busy machine takes its time. */
const PATIENCE = 60_000

/** Asks again and again until it holds; there is no test yet where a server is started. */
async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = Date.now() + PATIENCE; !(await holds()); await sleep(50))
    if (Date.now() > end) throw new Error("it never came to hold")
}

withBrowser.describe("the page of a real server", () => {
  const folder = mkdtempSync(join(tmpdir(), "dvl-page-"))
  let browser: Browser
  let server: ChildProcess
  let log = ""
  let watched: WatchedPage | undefined
  const address = (): string => `${/listening on (\S+)/.exec(log)?.[1]}/`
  const health = async (): Promise<{ status: string; running: number }> =>
    (await fetch(`${address()}health`)).json() as Promise<{ status: string; running: number }>
  const isReady = () => until(async () => (await health()).status === "ready")
  const areRunning = (count: number) => until(async () => (await health()).running === count)
  /** Of the engine that runs now. */
  const enginePid = (): number => {
    const started = log.split("\n").filter((line) => line.includes('"engine_started"'))
    return JSON.parse(started.at(-1) as string).pid
  }
  /** While its engine is held, an answer is under way as long as a test likes. */
  const whileHeld = async (work: (pid: number) => Promise<void>): Promise<void> => {
    const pid = enginePid()
    process.kill(pid, "SIGSTOP")
    try {
      await work(pid)
    } finally {
      process.kill(pid, "SIGCONT")
    }
  }
  const open = async (hash = "", look?: Look): Promise<Page> => {
    watched = await openPage(browser, address() + hash, look)
    watched.page.setDefaultTimeout(PATIENCE)
    await watched.page.locator("option", { hasText: "emoji-diffusion" }).first().waitFor({ state: "attached" })
    return watched.page
  }

  beforeAll(async () => {
    server = spawn(process.execPath, [program, "serve", "--port", "0"], {
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
    })
    server.stderr?.on("data", (text) => (log += text))
    browser = await openBrowser()
    await until(() => /listening on/.test(log))
    await isReady()
  })
  afterEach(async () => {
    await watched?.page.context().close()
    expect(watched?.complaints ?? []).toEqual([])
    const elsewhere = (watched?.addresses ?? []).filter((url) => !url.startsWith(address()) && !url.startsWith("data:"))
    expect(elsewhere).toEqual([])
  })
  afterAll(async () => {
    await browser?.close()
    const ended = new Promise((done) => server.on("exit", done))
    server.kill("SIGTERM")
    expect(await ended).toBe(0)
    rmSync(folder, { recursive: true })
  })

  it("a conversation about a picture: the steps of the answer, which is the one that the API gives, and the next question", async () => {
    const page = await open()
    await page.getByLabel("Picture", { exact: true }).setInputFiles(PANDA)
    await page.getByRole("img", { name: "1: panda.png" }).waitFor()
    const asking = page.waitForRequest("**/v1/chat/completions")
    await send(page, "Describe it.")
    await page.getByText("tokens/s").waitFor()
    const asked = JSON.parse((await asking).postData() as string)
    const whole = await fetch(`${address()}v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...asked, stream: false, stream_options: undefined }),
    })
    const { choices, usage } = (await whole.json()) as {
      choices: { message: { content: string } }[]
      usage: { completion_tokens: number }
    }
    expect(choices[0].message.content).toMatch(/^The picture shows this: /)
    expect(await page.locator(".answer .text").textContent()).toBe(choices[0].message.content)
    expect(await page.locator(".cost").textContent()).toContain(`tokens${usage.completion_tokens}`)

    const slider = page.getByRole("slider", { name: "Replay" })
    const steps = Number(await slider.getAttribute("max"))
    expect(steps).toBeGreaterThan(3)
    await slider.fill("0")
    const settled = await page.locator(".answer .text .cell.fixed").count()
    expect(settled).toBeGreaterThan(0)
    expect(await page.locator(".answer .text .cell").count()).toBeGreaterThan(settled)
    await slider.press("End")
    expect(await page.locator(".answer .text").textContent()).toBe(choices[0].message.content)

    await send(page, "What is this?")
    await answers(page)
      .nth(1)
      .getByText(/\d cached/)
      .waitFor()
  })

  it("stopped: its place in the server is free, and the next question is answered", async () => {
    const page = await open()
    await whileHeld(async () => {
      await send(page, "Describe it.")
      await areRunning(1)
      await page.getByRole("button", { name: "Stop" }).click()
      await page.getByText("Stopped here.").waitFor()
    })
    await areRunning(0)
    expect(log).toContain('"status":499')
    await send(page, "What is this?")
    await page.getByText("tokens/s").waitFor()
  })

  it("a comparison of the two models, with a picture", async () => {
    const page = await open("#compare")
    await page.getByLabel("Picture", { exact: true }).setInputFiles(PANDA)
    await page.getByRole("img", { name: "1: panda.png" }).waitFor()
    await send(page, "Describe it.")
    await page.locator(".verdict").waitFor()
    // Which of them is faster is for the machine to say.
    expect(await page.locator(".verdict").textContent()).toMatch(/^(Left|Right) is .* forwards per token\.$/)
    for (const [name, model] of [
      ["Left", "emoji-diffusion"],
      ["Right", "emoji-ar"],
    ]) {
      const side = page.getByRole("region", { name, exact: true })
      expect(await side.locator(".by").textContent()).toContain(model)
      expect(await side.locator(".answer .text").textContent()).toMatch(/^The picture shows this: /)
    }
  })

  it("what the server refuses, and an engine that is killed: sentences, and a way on", async () => {
    const page = await open()
    await send(page, "word ".repeat(4000))
    await page
      .getByRole("alert")
      .getByText(/The text of the prompt has .* more than/)
      .waitFor()
    await page.getByRole("button", { name: "New conversation" }).click()
    await whileHeld(async (pid) => {
      await send(page, "What is this?")
      await areRunning(1)
      process.kill(pid, "SIGKILL")
      await page.getByRole("alert").getByText("The engine ended while it answered; ask again.").waitFor()
    }).catch((error: NodeJS.ErrnoException) => expect(error.code).toBe("ESRCH"))
    await isReady()
    await page.getByRole("button", { name: "Try again" }).click()
    await page.getByText("tokens/s").waitFor()
    expect(await page.getByRole("alert").count()).toBe(0)
  })

  it.each<Look>([{}, { dark: true }, { width: 360, height: 700, touch: true }])(
    "no fault before and behind an answer: %o",
    async (look) => {
      const page = await open("", look)
      expect(await page.evaluate(faults)).toEqual([])
      await page.getByRole("button", { name: /Describe it/ }).click()
      await page.getByText("tokens/s").waitFor()
      expect(await page.evaluate(faults)).toEqual([])
      expect(await question(page).inputValue()).toBe("")
    },
  )
})
