import { resolve } from "node:path"
import { afterEach, expect, it, vi } from "vitest"
import { metricTools } from "./metric-tools.js"

const folder = resolve(import.meta.dirname, "../../test/fixtures/bertscore/roberta")

afterEach(() => void vi.unstubAllEnvs())

it("loads the encoder of a folder once", async () => {
  const tools = metricTools({ encoder: folder })
  const first = tools.encoder()
  expect(tools.encoder()).toBe(first)
  expect((await first).layers).toBe(3)
})

it("takes the one that the environment names", async () => {
  vi.stubEnv("DIFFUSIONVL_BERTSCORE", folder)
  expect((await metricTools().encoder()).hiddenSize).toBe(16)
  vi.stubEnv("DIFFUSIONVL_BERTSCORE", "./nowhere")
  await expect(metricTools().encoder()).rejects.toThrow("there is no such text encoder")
})

it("asks for roberta-large of the hub otherwise, and says what is missing without it", async () => {
  vi.stubEnv("DIFFUSIONVL_BERTSCORE", undefined)
  const settings = { cache: "/nonexistent/cache", endpoint: "http://127.0.0.1:9", offline: true } as const
  await expect(metricTools({ settings: settings as never }).encoder()).rejects.toMatchObject({
    where: expect.stringContaining("FacebookAI/roberta-large"),
  })
})
