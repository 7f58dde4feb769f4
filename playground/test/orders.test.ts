import { expect, test } from "vitest"
import { REMASKING_STRATEGIES } from "../../src/paradigms/block-diffusion/remasking.js"
import { FULL_REMASKING } from "../../src/paradigms/full-diffusion/remasking.js"
import { ORDERS } from "../src/protocol/choice.js"

test("the page offers the orders that the decoders know", () => {
  expect(ORDERS).toEqual({ "block-diffusion": [...REMASKING_STRATEGIES], "full-diffusion": [...FULL_REMASKING] })
})
