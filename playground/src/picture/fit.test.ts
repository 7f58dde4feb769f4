import { expect, test } from "vitest"
import { redrawnSize } from "./fit.js"

const file = { type: "image/png", size: 1000, width: 640, height: 480 }

test("what is small and known is sent as it is", () => {
  expect(redrawnSize(file)).toBeUndefined()
  expect(redrawnSize({ ...file, width: 2048, height: 2048 })).toBeUndefined()
})

test("a long side, many bytes, another format", () => {
  expect(redrawnSize({ ...file, width: 4000, height: 3000 })).toEqual({ width: 2048, height: 1536 })
  expect(redrawnSize({ ...file, width: 1, height: 100_000 })).toEqual({ width: 1, height: 2048 })
  expect(redrawnSize({ ...file, size: 5_000_000 })).toEqual({ width: 640, height: 480 })
  expect(redrawnSize({ ...file, type: "image/avif" })).toEqual({ width: 640, height: 480 })
})
