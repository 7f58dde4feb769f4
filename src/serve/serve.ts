/** A server for programs: what it is made of is loaded when one is started. */

import type { RunningServer } from "./running-server.js"
import type { ServeOptions } from "./settings.js"

/**
 * Starts a server. It answers at once; models are loaded one after the other, and a model that is not ready yet says so with 503.
 * @throws UserError for options that cannot be, or an address that cannot be listened on
 */
export async function serve(options: ServeOptions = {}): Promise<RunningServer> {
  return (await import("./server.js")).startServer(options)
}
