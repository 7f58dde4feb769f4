/** `--data TASK=WHERE` */

import { UserError } from "../../errors.js"

/** @throws UserError for what does not say whose data it is */
export function dataOf(text: string): [task: string, where: string] {
  const [, task, where] = /^([^=]+)=(.+)$/s.exec(text) ?? []
  if (task !== undefined) return [task, where]
  throw new UserError(`${text} does not say whose data it is`, {
    where: "--data",
    fix: "write TASK=FILE, such as ai2d=data/ai2d",
  })
}
