import { expect, it } from "vitest"
import { failureOf } from "../../../test/support/failure.js"
import { allTasks, findTasks, registerTask, taskGroups } from "./index.js"

const names = (...asked: string[]): string[] => findTasks(asked).map(({ name }) => name)

it("finds the benchmarks of the paper by their names", () => {
  const paper = [
    ...[
      "mmmu_val",
      "mmmu_pro_standard",
      "mmmu_pro_vision",
      "mmstar",
      "mme",
      "seedbench",
      "mmbench_en_dev",
      "realworldqa",
    ],
    ...["ai2d", "chartqa", "muirbench", "detailcaps"],
  ]
  expect(names(...paper)).toEqual(paper)
  expect(allTasks().map(({ name }) => name)).toEqual(expect.arrayContaining(paper))
})

it("finds groups, and names with wildcards, each task once", () => {
  expect(names("mmmu_pro")).toEqual(["mmmu_pro_vision", "mmmu_pro_standard"])
  expect(names("mmbench_en")).toEqual(["mmbench_en_dev"])
  expect(names("mmm*")).toEqual(["mmmu_val", "mmmu_pro_standard", "mmmu_pro_vision"])
  expect(names("mm?", "mme", "mmmu_pro_vision", "mmmu_pro")).toEqual(["mme", "mmmu_pro_vision", "mmmu_pro_standard"])
  for (const members of Object.values(taskGroups())) expect(names(...members)).toEqual(members)
})

it.each([
  ["mmmu_vall", /no task "mmmu_vall"[\s\S]*did you mean mmmu_val\?/],
  ["ifeval", /did you mean ifeval_rules\?/],
  ["mmbench", /did you mean mmbench_en_dev or mmbench_en\?/],
  ["MMStar", /did you mean mmstar\?/],
  ["chart-qa", /did you mean chartqa\?/],
  ["imagenet", /there are mmmu_val, [\s\S]*mmbench_en/],
  ["x*", /no task "x\*"/],
  ["mmmu.val", /did you mean/],
  ["constructor", /no task/],
])("says what is meant by %s", (name, sentence) => {
  expect(failureOf(() => findTasks([name]))).toMatch(sentence)
})

it("tells what a task of the authors' has: filter, metrics, options, columns", () => {
  for (const task of allTasks()) {
    expect(task.metrics.length).toBeGreaterThan(0)
    expect(new Set(task.metrics.map(({ name }) => name)).size).toBe(task.metrics.length)
    expect(new Set(task.columns).size).toBe(task.columns.length)
  }
})

it("knows tasks of one's own, by names that are free", () => {
  const [known] = allTasks()
  const own = { ...known, name: "own_task" }
  registerTask(own)
  expect(findTasks(["own_task"])).toEqual([own])
  expect(names("own_*")).toEqual(["own_task"])
  for (const name of ["own_task", known.name, "mmmu_pro"])
    expect(() => registerTask({ ...known, name })).toThrow(/already/)
})
