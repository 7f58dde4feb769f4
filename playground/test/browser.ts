/** The system's own Chromium, without a window. */

import { spawnSync } from "node:child_process"
import { type Browser, chromium, type Page } from "playwright-core"
import { needs } from "../../test/support/needs.js"

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
const program = NAMES.map((name) => spawnSync("which", [name], { encoding: "utf8" }).stdout?.trim()).find(Boolean)

/** For tests that open the page. */
export const withBrowser = needs(program !== undefined, "Chromium")

export const openBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: program, args: ["--no-sandbox", "--disable-gpu"] })

/** A page that keeps what it complained about, and every address it asked for. */
export interface WatchedPage {
  page: Page
  complaints: string[]
  addresses: string[]
}

export interface Look {
  width?: number
  height?: number
  dark?: boolean
  /** A finger instead of a mouse. */
  touch?: boolean
}

export async function openPage(browser: Browser, address: string, look: Look = {}): Promise<WatchedPage> {
  const { width = 1280, height = 800, dark = false, touch = false } = look
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    hasTouch: touch,
    isMobile: touch,
    deviceScaleFactor: touch ? 2 : 1,
  })
  await context.grantPermissions(["clipboard-read", "clipboard-write"])
  const page = await context.newPage()
  page.setDefaultTimeout(8_000)
  const complaints: string[] = []
  const addresses: string[] = []
  page.on("pageerror", (error) => complaints.push(String(error)))
  page.on("console", (message) => {
    // A refused request is what some tests ask for.
    const isRefusal = message.text().startsWith("Failed to load resource")
    if (message.type() === "error" && !isRefusal) complaints.push(message.text())
  })
  page.on("request", (request) => addresses.push(request.url()))
  await page.goto(address)
  return { page, complaints, addresses }
}
