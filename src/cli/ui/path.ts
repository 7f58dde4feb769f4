/** Files that were written, as people find them again. */

import { isAbsolute, join, relative, resolve } from "node:path"

/** From the working directory; whole where the way there would lead up more than one folder. */
export function shownPath(path: string): string {
  const way = relative(".", path)
  return isAbsolute(way) || way.startsWith(join("..", "..")) ? resolve(path) : way
}
