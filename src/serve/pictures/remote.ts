/** Pictures from the network: never from an address that is not public, whatever a name or a redirect leads to. */

import { lookup as lookUp } from "node:dns"
import { type ClientRequest, get as getHttp, type IncomingMessage } from "node:http"
import { get as getHttps } from "node:https"
import { isIP, type LookupFunction } from "node:net"
import { invalid } from "../api-error.js"
import { publicAddresses } from "./addresses.js"

export interface RemoteOptions {
  /** Bytes of a picture's file at most. */
  bytes: number
  /** For all of it, redirects included, in milliseconds. @default 15 000 */
  timeoutMs?: number
  signal?: AbortSignal
  /** Which addresses may be asked. @default public ones only */
  isAllowed?: (address: string) => boolean
}

const REDIRECTS = 3

/** @throws ApiError for what cannot be had, without a word of what answered */
export async function fetchPicture(
  url: string,
  { bytes, timeoutMs = 15_000, signal, isAllowed = publicAddresses() }: RemoteOptions,
): Promise<Uint8Array> {
  try {
    return await follow(url, { bytes, timeoutMs, signal, isAllowed })
  } catch (error) {
    throw signal?.aborted ? signal.reason : error
  }
}

async function follow(
  url: string,
  { bytes, timeoutMs, signal, isAllowed }: Required<Omit<RemoteOptions, "signal">> & { signal?: AbortSignal },
): Promise<Uint8Array> {
  const late = AbortSignal.timeout(timeoutMs)
  const stop = signal ? AbortSignal.any([late, signal]) : late
  let at = parsed(url)
  for (let redirects = 0; ; redirects++) {
    const response = await ask(at, stop, isAllowed)
    const { statusCode = 0, headers } = response
    if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined) {
      response.destroy()
      if (redirects === REDIRECTS) throw refused("it redirects too often")
      at = parsed(headers.location, at)
    } else if (statusCode !== 200) {
      response.destroy()
      throw refused(`the answer has the status ${statusCode}`)
    } else return await read(response, bytes, stop)
  }
}

const refused = (why: string): Error =>
  invalid(`a picture could not be fetched: ${why}`, "messages", "image_not_available")

/** @throws ApiError for another protocol than http and https, and for names and passwords in an address */
function parsed(url: string, base?: URL): URL {
  const found = URL.canParse(url, base?.href) ? new URL(url, base?.href) : undefined
  if (found?.protocol !== "http:" && found?.protocol !== "https:") throw refused("its address is none of http or https")
  if (found.username !== "" || found.password !== "") throw refused("its address holds a name or a password")
  return found
}

function ask(url: URL, signal: AbortSignal, isAllowed: (address: string) => boolean): Promise<IncomingMessage> {
  const literal = url.hostname.replace(/^\[|\]$/g, "")
  // Node asks no lookup for an address.
  if (isIP(literal) !== 0 && !isAllowed(literal)) return Promise.reject(refused("its address is not public"))
  const get = url.protocol === "https:" ? getHttps : getHttp
  return new Promise((resolve, reject) => {
    const options = {
      signal,
      agent: false,
      lookup: publicLookup(isAllowed),
      headers: { accept: "image/*", "user-agent": "diffusionvl" },
    }
    const request: ClientRequest = get(url, options, resolve)
    request.on("error", (error) =>
      reject(error instanceof NotPublic ? refused("its address is not public") : unreachable(signal)),
    )
  })
}

class NotPublic extends Error {}

const unreachable = (signal: AbortSignal): Error =>
  refused(signal.aborted ? "it took too long" : "its server cannot be reached")

/** The address that is looked at is the one that is connected to. */
function publicLookup(isAllowed: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) =>
    lookUp(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, [])
      if (addresses.length === 0 || !addresses.every(({ address }) => isAllowed(address)))
        return callback(new NotPublic(), [])
      if (options.all) callback(null, addresses)
      else {
        const [{ address, family }] = addresses
        callback(null, address, family)
      }
    })
}

async function read(response: IncomingMessage, most: number, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of response) {
      size += (chunk as Buffer).length
      if (size > most) throw refused(`it has more than the ${most} bytes left for the pictures of a request`)
      chunks.push(chunk as Buffer)
    }
  } catch (error) {
    throw (error as Error).name === "ApiError" ? error : unreachable(signal)
  } finally {
    response.destroy()
  }
  return Buffer.concat(chunks)
}
