/** The other pages, what is around them, and who can use them. */

import { expect, it } from "vitest"
import { describePage, held, PANDA, question, SENTENCE, send } from "./describe-page.js"
import { faults, nameOfFocus } from "./in-page.js"

describePage("the playground", (tools) => {
  it("a server that is gone, and comes back", async () => {
    const page = await tools.open()
    await question(page).fill("typed before")
    await page.route("**/v1/**", (route) => route.abort())
    await question(page).press("Enter")
    await page.getByRole("alert").getByText("The server does not answer.").waitFor()
    await page.unroute("**/v1/**")
    await page.getByRole("button", { name: "Try again" }).click()
    await page.getByText("tokens/s").waitFor()
    expect(tools.mock.requests[0].messages[0].content).toBe("typed before")
  })

  it("a key is asked for where the server wants one, and outlives a reload", async () => {
    tools.mock.key = "secret"
    const page = await tools.goTo("")
    await page.getByRole("button", { name: "Enter a key" }).click()
    await page.getByLabel("API key", { exact: true }).fill("secret")
    await page.keyboard.press("Enter")
    await page.getByRole("button", { name: "API key ✓" }).waitFor()
    await question(page).fill("half a question")
    await page.reload()
    expect(await question(page).inputValue()).toBe("half a question")
    await question(page).press("Enter")
    await page.getByText("tokens/s").waitFor()
    await page.getByText("As a command").click()
    const curl = await page.locator(".command pre").first().textContent()
    expect(curl).toContain('-H "Authorization: Bearer $API_KEY"')
    expect(curl).not.toContain("secret")
  })

  it("models that load: their progress is shown, and they can be asked when they are ready", async () => {
    const { diffusion } = tools.mock.models[0]
    Object.assign(diffusion ?? {}, { ready: false, progress: 0.4 })
    const page = await tools.open()
    await page.getByText("40 %").waitFor()
    await send(page, "What is this?")
    await page.getByRole("status").getByText("emoji-diffusion is still loading.").waitFor()
    Object.assign(diffusion ?? {}, { ready: true })
    await page.getByText("40 %").waitFor({ state: "detached" })
    expect(tools.mock.requests).toEqual([])
    await question(page).press("Enter")
    await page.getByText("tokens/s").waitFor()
  })

  it("a comparison: one question to two models, one after the other, with their numbers side by side", async () => {
    const { reply, letOn } = held(1)
    tools.mock.reply = () => reply
    const page = await tools.open("#compare")
    await send(page, "What is this?")
    await page.getByText("Waits for the other").waitFor()
    expect(tools.mock.requests).toHaveLength(1)
    letOn()
    await page
      .getByText(/^Left is 1\.\d+ times as fast as right, with 0\.\d+ times the forwards per token\.$/)
      .waitFor()
    expect(tools.mock.requests.map(({ model }) => model)).toEqual(["emoji-diffusion", "emoji-ar"])
    for (const name of ["Left", "Right"]) {
      const side = page.getByRole("region", { name })
      expect(await side.locator(".answer .text").textContent()).toBe(SENTENCE)
      expect(await side.locator(".cost").textContent()).toMatch(/tokens\/s.*forwards per token.*seconds/)
    }
    await page.getByRole("region", { name: "Right" }).getByText("Right: settings").click()
    await page.getByRole("region", { name: "Right" }).getByLabel("Model").selectOption("emoji-diffusion")
    await page.getByRole("region", { name: "Right" }).getByLabel("Threshold").fill("0.5")
    await page.getByLabel("both at once").check()
    tools.mock.reply = () => held(1).reply
    await page.getByRole("button", { name: "Ask again" }).click()
    await expect.poll(() => tools.mock.requests.length).toBe(4)
    expect(tools.mock.requests[3]).toMatchObject({ model: "emoji-diffusion", diffusion: { threshold: 0.5 } })
    await page.getByRole("button", { name: "Stop" }).click()
    await expect.poll(() => tools.mock.cancelled).toBe(2)
  })

  it("training runs: curves that grow, read on from the byte where the last reading ended", async () => {
    const lines = (from: number, to: number) =>
      Array.from(
        { length: to - from },
        (_, i) => `${JSON.stringify({ step: from + i, loss: 4 / (1 + from + i) })}\n`,
      ).join("")
    tools.mock.runs = [{ name: "first/run", updated: Date.now(), steps: 20, report: true }]
    tools.mock.logs.set("first/run", lines(0, 20))
    const page = await tools.goTo("#training")
    await page.getByRole("cell", { name: "19", exact: true }).waitFor()
    const curve = page.locator(".chart path[stroke-width]")
    const before = await curve.getAttribute("d")
    tools.mock.logs.set("first/run", `${lines(0, 30)}{"step":30,"lo`)
    await page.getByRole("cell", { name: "29", exact: true }).waitFor()
    expect(await curve.getAttribute("d")).not.toBe(before)
    expect(tools.mock.offsets[0]).toBe(0)
    expect(tools.mock.offsets).toContain(lines(0, 20).length - 1)
    await page.getByLabel("logarithmic").check()
    // Resumed from an earlier step.
    tools.mock.logs.set("first/run", lines(0, 12))
    await page.getByRole("cell", { name: "11", exact: true }).waitFor()
    const report = page.waitForEvent("popup")
    await page.getByRole("link", { name: "Report of first/run" }).click()
    await (await report).getByRole("heading", { name: "Report of first/run" }).waitFor()
  })

  it("everything can be reached with the keyboard, in the order in which it is read", async () => {
    const page = await tools.open()
    await send(page, "What is this?")
    await page.getByText("tokens/s").waitFor()
    // From the beginning of the page.
    await page.locator(".brand").click()
    const reached: string[] = []
    for (let i = 0; i < 24; i++) {
      await page.keyboard.press("Tab")
      reached.push(await page.evaluate(nameOfFocus))
    }
    const expected = ["Chat", "Compare", "Training", "API key", "Play the replay", "Replay", "Copy", "Ask again"]
    expect(reached.slice(0, 8)).toEqual(expected)
    for (const name of ["As a command", "Settings", "Model", "Threshold", "Question", "Picture", "Send"])
      expect(reached, name).toContain(name)
  })

  it.each([{}, { width: 360, height: 700, touch: true }])(
    "no control is without a name, no heading missing, nothing wider than the page: %o",
    async (look) => {
      const page = await tools.open("", look)
      await page.getByLabel("Picture", { exact: true }).setInputFiles(PANDA)
      await question(page).fill(`What is ${"averylongword".repeat(12)}?`)
      await page.getByRole("button", { name: "Send" }).click()
      await page.getByText("tokens/s").waitFor()
      await page.getByText("As a command").click()
      await page.getByRole("slider", { name: "Replay" }).fill("1")
      for (const hash of ["", "compare", "training"]) {
        await page.evaluate((to) => (location.hash = to), hash)
        await page.locator("h1").waitFor({ state: "attached" })
        expect(await page.evaluate(faults), hash).toEqual([])
      }
    },
  )
})
