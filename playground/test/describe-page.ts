/** The built page in a real browser, before a server that speaks the contract. */

import { fileURLToPath } from "node:url"
import type { Browser, Locator, Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest"
import { type Look, openBrowser, openPage, type WatchedPage, withBrowser } from "./browser.js"
import { type MockServer, startMock } from "./mock-server.js"

export const PANDA = fileURLToPath(new URL("../../examples/pictures/panda.png", import.meta.url))
export const SENTENCE = "The picture shows a giant panda, black and white, in a green wood of bamboo."

/** What a test has: made anew for each. */
export interface Tools {
  readonly mock: MockServer
  /** The page as soon as it is there. */
  goTo(hash: string, look?: Look): Promise<Page>
  /** The page when it knows the models. */
  open(hash?: string, look?: Look): Promise<Page>
}

/** A suite of tests of the page; each also fails for an error, and for whatever is asked from elsewhere. */
export function describePage(name: string, body: (tools: Tools) => void): void {
  withBrowser.describe(name, () => {
    let browser: Browser
    let mock: MockServer
    let watched: WatchedPage | undefined
    beforeAll(async () => {
      browser = await openBrowser()
    })
    afterAll(() => browser?.close())
    beforeEach(async () => {
      watched = undefined
      mock = await startMock()
    })
    afterEach(async () => {
      await watched?.page.context().close()
      await mock.close()
      const asked = watched?.addresses ?? []
      expect(watched?.complaints ?? []).toEqual([])
      expect(asked.filter((url) => !url.startsWith(mock.address) && !url.startsWith("data:"))).toEqual([])
    })
    const goTo = async (hash: string, look?: Look) => {
      watched = await openPage(browser, mock.address + hash, look)
      return watched.page
    }
    body({
      get mock() {
        return mock
      },
      goTo,
      open: async (hash = "", look) => {
        const page = await goTo(hash, look)
        await page.locator("option", { hasText: "emoji-diffusion" }).first().waitFor({ state: "attached" })
        return page
      },
    })
  })
}

export const question = (page: Page): Locator => page.getByLabel("Question", { exact: true })
export const answers = (page: Page): Locator => page.locator(".answer")

export async function send(page: Page, text: string): Promise<void> {
  await question(page).fill(text)
  await question(page).press("Enter")
}

/** A reply that stops before one of its steps, until it is let on. */
export function held(before: number): { reply: { text: string; step(step: number): Promise<void> }; letOn(): void } {
  let letOn = () => {}
  const gate = new Promise<void>((resolve) => {
    letOn = resolve
  })
  const step = async (at: number) => (at === before ? gate : undefined)
  return { reply: { text: SENTENCE, step }, letOn: () => letOn() }
}
