/** The tasks of text alone. */

import { arcChallenge, arcEasy } from "./arc.js"
import { gsm8k } from "./gsm8k.js"
import { hellaswag } from "./hellaswag.js"
import { ifeval } from "./ifeval.js"
import { mmlu } from "./mmlu.js"
import type { TextTask } from "./text-task.js"

export const textTasks: readonly TextTask[] = [mmlu, arcEasy, arcChallenge, hellaswag, gsm8k, ifeval]
