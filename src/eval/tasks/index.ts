/** The benchmarks by their names, groups of them, and names with wildcards. */

import { UserError } from "../../errors.js"
import { nearest } from "../../nearest.js"
import { Registry } from "../../registry.js"
import type { Task } from "../task/task.js"
import { ai2d } from "./ai2d.js"
import { chartqa } from "./chartqa.js"
import { detailcaps } from "./detailcaps.js"
import { mmbenchEnDev } from "./mmbench_en_dev.js"
import { mme } from "./mme.js"
import { mmmuProStandard } from "./mmmu_pro_standard.js"
import { mmmuProVision } from "./mmmu_pro_vision.js"
import { mmmuVal } from "./mmmu_val.js"
import { mmstar } from "./mmstar.js"
import { muirbench } from "./muirbench.js"
import { realworldqa } from "./realworldqa.js"
import { seedbench } from "./seedbench.js"
import { textTasks } from "./text/index.js"

const tasks = new Registry<Task>("task", [
  ...[mmmuVal, mmmuProStandard, mmmuProVision, mmstar, mme, seedbench, mmbenchEnDev, realworldqa, ai2d, chartqa],
  ...[muirbench, detailcaps, ...textTasks],
])

/** Names of several tasks, as lmms-eval has them. Test splits have no public answers and are left out. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  mmmu: ["mmmu_val"],
  mmmu_pro: ["mmmu_pro_vision", "mmmu_pro_standard"],
  mmbench_en: ["mmbench_en_dev"],
}

/** The benchmarks that are there: those of the paper's tables in their order, those of text alone, those of one's own. */
export const allTasks = (): Task[] => tasks.all()

/**
 * Makes a task of one's own known by its name, to `openTasks` and to whatever reads its results.
 * @throws RangeError when there is one of the name
 */
export function registerTask(task: Task): void {
  if (Object.hasOwn(GROUPS, task.name)) throw new RangeError(`there is a group ${task.name} already`)
  tasks.register(task)
}

/** Names of several tasks: group -> its members. */
export const taskGroups = (): Readonly<Record<string, readonly string[]>> => GROUPS

/**
 * Tasks by names, each once, in the order in which they are asked for.
 * @param names of tasks or groups; * and ? stand for any characters, or any one
 * @throws UserError for a name that means none
 */
export function findTasks(names: readonly string[]): Task[] {
  return [...new Set(names.flatMap(tasksNamed))]
}

function tasksNamed(name: string): Task[] {
  const task = tasks.find(name)
  if (task) return [task]
  if (Object.hasOwn(GROUPS, name)) return GROUPS[name].map((member) => tasks.named(member))
  const pattern = /[*?]/.test(name) ? wildcard(name) : undefined
  const found = pattern ? allTasks().filter((one) => pattern.test(one.name)) : []
  if (found.length > 0) return found
  const known = [...tasks.names(), ...Object.keys(GROUPS)]
  const near = nearest(name, known)
  const meant = near === undefined ? known.filter((one) => name !== "" && one.startsWith(name)) : [near]
  throw new UserError(`there is no task ${JSON.stringify(name)}`, {
    fix: meant.length === 0 ? `there are ${known.join(", ")}` : `did you mean ${meant.join(" or ")}?`,
  })
}

function wildcard(name: string): RegExp {
  const escaped = name
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".")
  return new RegExp(`^${escaped}$`, "s")
}
