/** A client of whatever answers. */

import type { Client, ClientOptions } from "./client.js"
import { localClient } from "./local.js"
import { remoteClient } from "./remote.js"

export const createClient = (options: ClientOptions): Client =>
  "session" in options ? localClient(options.session) : remoteClient(options.url, options)
