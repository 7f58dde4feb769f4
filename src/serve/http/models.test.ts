import { expect, it } from "vitest"
import type { ModelState } from "../engine/engine.js"
import type { Server } from "./context.js"
import { health } from "./models.js"

const at = (state: string, models: object[], isEnding = false) => {
  const engine = { state, models: () => models as ModelState[] }
  return health({ engine, places: { running: 0, waiting: 0 }, isEnding } as unknown as Server)
}
const [loaded, failed, loading] = [
  { id: "a", model: { id: "a" } },
  { id: "b", error: "no" },
  { id: "c", progress: 0 },
]

it("is well where something can be answered, now or soon", () => {
  for (const models of [[loaded], [loaded, failed]]) expect(at("ready", models)).toMatchObject({ status: 200 })
  expect(at("loading", [failed, loading])).toMatchObject({ status: 200, body: { status: "loading" } })
  expect(at("ready", [failed, failed])).toMatchObject({ status: 503, body: { status: "unavailable" } })
  expect(at("restarting", [loading])).toMatchObject({ status: 503, body: { status: "restarting" } })
  expect(at("ready", [loaded], true)).toMatchObject({ status: 503, body: { status: "ending" } })
})
