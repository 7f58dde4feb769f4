import { expect, test } from "vitest"
import { askForecast } from "./demo-forecast.js"

const parts = (secondsPerUnit: number) => [
  { name: "diffusion-next", units: 600, secondsPerUnit },
  { name: "control", units: 600, secondsPerUnit: secondsPerUnit / 2 },
  { name: "evaluation", units: 100, secondsPerUnit: 0.6 },
]
const smaller = { file: "recipes/emoji-short.yaml", steps: 200 }

/** A terminal that keeps what was said, where somebody answers so; nobody can with `undefined`. */
function terminal(answer?: string) {
  const said: string[] = []
  const write = (text: string): void => void said.push(text)
  const ask = async (question: string): Promise<string> => {
    said.push(question)
    return answer!
  }
  return { write, ...(answer !== undefined && { ask }), text: () => said.join("") }
}

test("says what every part takes on this machine, and goes on", async () => {
  const screen = terminal("s")
  expect(await askForecast(parts(0.5), 600, smaller, screen)).toBe("go on")
  expect(screen.text()).toMatch(
    /^on this machine, as it is now: about 8 min 30 s \(block diffusion 5 min.*, autoregressive control 2 min 30 s, evaluation 1 min.*\)\n$/,
  )
})

test.each([
  ["g", "go on"],
  ["S ", "smaller"],
  ["", "stop"],
  ["what?", "stop"],
])("over half an hour it offers the smaller setting, with its time: %j", async (answer, choice) => {
  const screen = terminal(answer)
  expect(await askForecast(parts(4), 600, smaller, screen)).toBe(choice)
  expect(screen.text()).toMatch(
    /about 1 h 01 min.*that is long; a smaller setting takes about 20 min.*emoji-short\.yaml.*Enter/s,
  )
})

test("where nobody can answer, it says so and goes on", async () => {
  const screen = terminal()
  expect(await askForecast(parts(4), 600, smaller, screen)).toBe("go on")
  expect(screen.text()).toContain("a smaller setting takes about 20 min")
})

test("the smallest setting says how to make it smaller still; what is done takes nothing", async () => {
  const screen = terminal("s")
  expect(await askForecast(parts(4), 600, undefined, screen)).toBe("go on")
  expect(screen.text()).toContain("--set stages.diffusion.steps=N")
  const done = terminal("s")
  expect(await askForecast([], 600, smaller, done)).toBe("go on")
  expect(done.text()).toBe("")
})
