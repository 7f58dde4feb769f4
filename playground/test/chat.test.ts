/** Questions, pictures, answers, settings. */

import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import type { ContentPart } from "../src/protocol/contract.js"
import { answers, describePage, held, PANDA, question, SENTENCE, send } from "./describe-page.js"
import { giveFiles } from "./in-page.js"

describePage("the chat", (tools) => {
  it("a conversation: the block is seen denoising, then the text is solid, and the next question tells what was said", async () => {
    const { reply, letOn } = held(1)
    tools.mock.reply = () => reply
    const page = await tools.open()
    await send(page, "What is this?")
    await page.locator(".cell.masked").first().waitFor()
    await page.locator(".cell.fixed").first().waitFor()
    expect(await page.locator(".cell.fixed").first().getAttribute("title")).toMatch(/^“.+”, \d+ %$/)
    expect(await page.getByRole("status").textContent()).toBe("The question was sent.")
    letOn()
    await page.getByText("tokens/s").waitFor()
    expect(await page.locator(".answer .text").textContent()).toBe(SENTENCE)
    expect(await page.locator(".cell").count()).toBe(0)
    expect(await page.getByRole("status").textContent()).toBe(`Answer: ${SENTENCE}`)
    expect(await question(page).inputValue()).toBe("")
    expect(await question(page).evaluate((field) => field === document.activeElement)).toBe(true)

    tools.mock.reply = () => ({ text: "Yes." })
    await send(page, "Sure?")
    await answers(page).nth(1).getByText("64 cached").waitFor()
    expect(tools.mock.requests[1].messages).toEqual([
      { role: "user", content: "What is this?" },
      { role: "assistant", content: SENTENCE },
      { role: "user", content: "Sure?" },
    ])
    expect(tools.mock.requests[1].diffusion.events).toBe(true)
  })

  it("a picture: chosen, pasted and dropped; taken away again; sent before the text", async () => {
    const page = await tools.open()
    await page.getByLabel("Picture", { exact: true }).setInputFiles(PANDA)
    await page.getByRole("img", { name: "1: panda.png" }).waitFor()
    const url = `data:image/png;base64,${readFileSync(PANDA).toString("base64")}`
    await page.evaluate(giveFiles, [url, "paste", "pasted.png"] as const)
    await page.evaluate(giveFiles, [url, "drop", "dropped.png"] as const)
    await page.getByRole("img", { name: "3: dropped.png" }).waitFor()
    await page.getByRole("button", { name: "Remove picture 2: pasted.png" }).click()
    await send(page, "What is this?")
    await page.getByText("tokens/s").waitFor()
    const content = tools.mock.requests[0].messages[0].content as ContentPart[]
    expect(content).toEqual([
      { type: "image_url", image_url: { url } },
      { type: "image_url", image_url: { url } },
      { type: "text", text: "What is this?" },
    ])
    expect(await page.getByRole("listitem").count()).toBe(0)
  })

  it("a huge picture is scaled down; what is no picture is refused in a sentence", async () => {
    const page = await tools.open()
    const drawn = await page.evaluate(() => {
      const canvas = document.createElement("canvas")
      canvas.width = 5000
      canvas.height = 1000
      return canvas.toDataURL().split(",")[1]
    })
    const choose = page.getByLabel("Picture", { exact: true })
    await choose.setInputFiles({ name: "huge.png", mimeType: "image/png", buffer: Buffer.from(drawn, "base64") })
    const picture = page.getByRole("img", { name: "1: huge.png" })
    await picture.waitFor()
    const size = await picture.evaluate((image: HTMLImageElement) => [image.naturalWidth, image.naturalHeight])
    expect(size).toEqual([2048, 410])
    await choose.setInputFiles({ name: "broken.png", mimeType: "image/png", buffer: Buffer.from("nonsense") })
    await page.getByText("broken.png is no picture that this browser can show.").waitFor()
  })

  it("a model that sees no pictures says so before anything is sent", async () => {
    for (const { diffusion } of tools.mock.models) Object.assign(diffusion ?? {}, { images: false })
    const page = await tools.open()
    await page.getByLabel("Picture", { exact: true }).setInputFiles(PANDA)
    await send(page, "What is this?")
    await page
      .getByRole("status")
      .getByText("emoji-diffusion sees no pictures: remove them, or choose another model.")
      .waitFor()
    expect(tools.mock.requests).toEqual([])
    expect(await question(page).inputValue()).toBe("What is this?")
  })

  it("stopped: the server notices, what was said stays, and a next question can be asked", async () => {
    tools.mock.reply = () => held(2).reply
    const page = await tools.open()
    await send(page, "What is this?")
    await page.locator(".cell").first().waitFor()
    await page.getByRole("button", { name: "Stop" }).click()
    await page.getByText("Stopped here.").waitFor()
    await expect.poll(() => tools.mock.cancelled).toBe(1)
    await page.getByRole("button", { name: "Ask again" }).click()
    await page.locator(".cell").first().waitFor()
    await question(page).press("Escape")
    await page.getByText("Stopped here.").waitFor()
    await expect.poll(() => tools.mock.cancelled).toBe(2)
    expect(await answers(page).count()).toBe(1)
  })

  it("an error, before the answer and within it: a sentence, a way on, and nothing is lost", async () => {
    tools.mock.reply = () => ({ status: 429, retryAfter: 2, text: "The queue is full." })
    const page = await tools.open()
    await send(page, "What is this?")
    await page.getByRole("alert").getByText("The queue is full.").waitFor()
    await page.getByRole("button", { name: /Try again in \d s/ }).waitFor()
    tools.mock.reply = () => ({ text: SENTENCE, breaks: "The model ran out of memory." })
    await page.getByRole("button", { name: "Try again", exact: true }).click()
    await page.getByRole("alert").getByText("The model ran out of memory.").waitFor()
    expect(await page.locator(".answer .text").textContent()).toMatch(/^The picture shows/)
    tools.mock.reply = () => ({ text: "A panda." })
    await page.getByRole("button", { name: "Try again" }).click()
    await page.getByText("A panda.", { exact: true }).waitFor()
    expect(tools.mock.requests.at(-1)?.messages).toEqual([{ role: "user", content: "What is this?" }])
    expect(await page.getByRole("alert").count()).toBe(0)
  })

  it("settings are sent; a number that does not fit is named and holds the question back", async () => {
    const page = await tools.open()
    await page.getByLabel("Threshold").fill("2")
    await page.getByText("It must be a number between 0 and 1.").waitFor()
    await send(page, "Hi")
    await page.getByRole("status").getByText("A number in the settings does not fit.").waitFor()
    await page.getByLabel("Threshold").fill("0.6")
    await page.getByLabel("Block size").fill("4")
    await page.getByLabel("Longest answer").fill("32")
    await page.getByLabel("System message").fill("Be brief.")
    await question(page).press("Enter")
    await page.getByText("tokens/s").waitFor()
    expect(tools.mock.requests[0]).toMatchObject({ max_tokens: 32, diffusion: { block_size: 4, threshold: 0.6 } })
    expect(tools.mock.requests[0].messages[0]).toEqual({ role: "system", content: "Be brief." })
    await page.getByText("As a command").click()
    const [curl, cli] = await page.locator(".command pre").allTextContents()
    expect(curl).toContain(`curl ${tools.mock.address}v1/chat/completions`)
    expect(cli).toBe(
      "npx diffusionvl generate --model emoji-diffusion --system 'Be brief.' --block-size 4 --threshold 0.6 --max-tokens 32 Hi",
    )
  })

  it("a replay goes to any step and back, by mouse and keyboard, and says where it is", async () => {
    tools.mock.reply = () => ({ text: SENTENCE })
    const page = await tools.open()
    await send(page, "What is this?")
    const slider = page.getByRole("slider", { name: "Replay" })
    await slider.waitFor()
    await slider.fill("0")
    expect(await slider.getAttribute("aria-valuetext")).toBe("block 1, step 1: 2 of 8 tokens settled")
    expect(await page.locator(".answer .text .cell").count()).toBe(8)
    expect(await page.locator(".answer .text .cell.fixed").count()).toBe(2)
    await page.getByText("Tokens in words").click()
    const listed = await page.getByRole("listitem").allTextContents()
    expect(listed).toHaveLength(8)
    expect(listed.filter((words) => /^“ ?\w+,?”, \d+ %, settled$/.test(words))).toHaveLength(2)
    await slider.press("ArrowRight")
    expect(await page.locator(".answer .text .cell.fixed").count()).toBe(4)
    await slider.press("End")
    expect(await page.locator(".answer .text").textContent()).toBe(SENTENCE)
    await page.getByRole("button", { name: "Play the replay" }).click()
    await page.locator(".answer .text .cell").first().waitFor()
    await page.locator(".answer .text .cell").first().waitFor({ state: "detached" })
    expect(await slider.getAttribute("aria-valuetext")).toBe("the answer")
  })

  it("the steps of the last eight answers are kept", async () => {
    const page = await tools.open()
    for (let i = 0; i < 10; i++) {
      await send(page, `Question ${i}`)
      await answers(page).nth(i).getByText("tokens/s").waitFor()
    }
    expect(await page.getByRole("slider", { name: "Replay" }).count()).toBe(8)
    expect(await answers(page).nth(1).textContent()).toContain("those of this one are gone")
  })
})
