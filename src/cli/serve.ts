/** Runs a server until a signal ends it: the first lets answers be finished, the second ends everything at once. */

import { serve } from "../serve/serve.js"
import { DEFAULT_MODELS, type LogEntry, type ServeOptions } from "../serve/settings.js"
import { EXIT_FAILED, EXIT_INTERRUPTED } from "./process/errors.js"
import { logLine } from "./process/log-line.js"

export interface ServeCommandOptions {
  port: number
  host: string
  apiKey?: string[]
  auth: boolean
  allowedHost?: string[]
  corsOrigin?: string[]
  allowRemoteImages?: boolean
  imageRoot?: string
  runs: string
  concurrent: number
  queue: number
  maxTokens: number
  maxPromptTokens: number
  maxBody: number
  maxImages: number
  maxPixels: number
  cacheMemory: number
  prefixMemory?: number
  separateCaches?: boolean
  timeout: number
  grace: number
  stuck: number
  logPrompts?: boolean
  dtype: string
  device: string
}

const MIB = 2 ** 20

export async function serveCommand(models: readonly string[], options: ServeCommandOptions): Promise<void> {
  const write = process.stderr.isTTY ? writeLine : writeJson
  const settings = settingsOf(models, options)
  const missing = new Map<unknown, unknown>()
  let ended: (() => void) | undefined
  const server = await serve({
    ...settings,
    log: (entry) => {
      write(entry)
      if (entry.event === "engine_unavailable") missing.set(entry.model, entry.reason)
      // A server of nothing is a mistake on the command line.
      if (missing.size === (settings.models ?? DEFAULT_MODELS).length) ended?.()
    },
  })
  process.stderr.write(`listening on ${server.url}\n`)
  await new Promise<void>((done) => {
    let ending = false
    ended = () => void server.close().then(done)
    const onSignal = (): void => {
      if (ending) {
        if (server.enginePid !== undefined) process.kill(server.enginePid, "SIGKILL")
        process.exit(EXIT_INTERRUPTED)
      }
      ending = true
      process.stderr.write("ending: answers under way are finished; once more ends at once\n")
      void server.close().then(done)
    }
    process.on("SIGINT", onSignal)
    process.on("SIGTERM", onSignal)
  })
  for (const [model, reason] of missing) process.stderr.write(`error: ${model}: ${reason}\n`)
  process.exit(missing.size === (settings.models ?? DEFAULT_MODELS).length ? EXIT_FAILED : 0)
}

function settingsOf(models: readonly string[], options: ServeCommandOptions): ServeOptions {
  const { apiKey = [], maxBody, cacheMemory, timeout, grace, stuck, concurrent, queue, maxImages, maxPixels } = options
  const fromEnvironment = process.env.DIFFUSIONVL_API_KEY
  return {
    ...(models.length > 0 && { models }),
    port: options.port,
    host: options.host,
    apiKeys: fromEnvironment ? [...apiKey, fromEnvironment] : apiKey,
    noAuth: !options.auth,
    ...(options.allowedHost && { allowedHosts: options.allowedHost }),
    ...(options.corsOrigin && { corsOrigins: options.corsOrigin }),
    allowRemoteImages: options.allowRemoteImages,
    ...(options.imageRoot !== undefined && { imageRoot: options.imageRoot }),
    runs: options.runs,
    dtype: options.dtype,
    device: options.device,
    graceMs: 1000 * grace,
    logPrompts: options.logPrompts,
    separateCaches: options.separateCaches,
    limits: {
      concurrent,
      queue,
      bodyBytes: Math.round(maxBody * MIB),
      pictures: maxImages,
      pixels: maxPixels,
      promptTokens: options.maxPromptTokens,
      answerTokens: options.maxTokens,
      cacheBytes: cacheMemory * MIB,
      ...(options.prefixMemory !== undefined && { prefixBytes: options.prefixMemory * MIB }),
      requestMs: 1000 * timeout,
      stuckMs: 1000 * stuck,
    },
  }
}

/** For programs: one JSON object a line. */
const writeJson = (entry: LogEntry): void => {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), ...entry })}\n`)
}

/** For whoever sits at the terminal. */
const writeLine = (entry: LogEntry): void => {
  process.stderr.write(`${new Date().toLocaleTimeString()} ${logLine(entry)}\n`)
}
