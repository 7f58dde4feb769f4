/** Ids of models on the hub, as people write them. */

import type { HubRepository } from "./cache.js"

const HUB_ID = /^([A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95})(?:@([^@\s]+))?$/

/** "org/name" or "org/name@revision"; undefined when it is neither. */
export function parseHubId(name: string): HubRepository | undefined {
  const match = HUB_ID.exec(name)
  const revision = match?.[2] ?? "main"
  // What git allows in no name, some file system does not allow either.
  if (
    !match ||
    /--|\.\./.test(match[1]) ||
    /[\p{Cc}\\~^:?*[]/u.test(revision) ||
    revision.split("/").some((part) => part === "" || /^\.+$/.test(part))
  )
    return undefined
  return { id: match[1], revision }
}
