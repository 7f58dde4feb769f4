/** Parts of a run that are done are kept, so they must be those of the same settings. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import { writeJson } from "../../src/checkpoint/files.js"
import { readJsonObject } from "../../src/checkpoint/json.js"
import { UserError } from "../../src/errors.js"

/**
 * Keeps the settings of a run in its folder.
 * @throws UserError when the folder is that of a run with others
 */
export async function keepSettings(settings: object, folder: string): Promise<void> {
  const file = join(folder, "settings.json")
  if (!existsSync(file)) return writeJson(file, settings)
  if (JSON.stringify(readJsonObject(file)) === JSON.stringify(settings)) return
  throw new UserError("this run was started with other settings", {
    where: folder,
    fix: "give another folder with --out, or delete this one",
  })
}
