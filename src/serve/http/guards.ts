/** Who may ask: names of this server that are meant, pages that may use it, and the key. */

import { createHash, timingSafeEqual } from "node:crypto"
import { isIP } from "node:net"
import { ApiError } from "../api-error.js"

export interface GuardOptions {
  /** Without one everybody may ask who reaches the server. */
  apiKeys: readonly string[]
  /** Names by which the server may be asked; undefined: any. */
  hosts: readonly string[] | undefined
  /** Pages of these origins may ask too; "*": of any. */
  origins: readonly string[]
}

/** Names of this machine, for whoever sits at it. */
export const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"]

/**
 * A page of another site must not reach a server on its reader's machine, neither by its own name for the machine (DNS rebinding)
 * nor with a request that the browser sends without asking.
 * @throws ApiError
 */
export function requireKnownPlace(
  host: string | undefined,
  origin: string | undefined,
  { hosts, origins }: GuardOptions,
): void {
  if (hosts && !hosts.includes(nameOf(host ?? "")))
    throw new ApiError(421, "this server is not asked by that name; --allowed-host adds one", {
      code: "host_not_allowed",
    })
  if (origin !== undefined && !isAllowedOrigin(origin, host, origins))
    throw new ApiError(403, "pages of that origin may not ask this server; --cors-origin allows one", {
      code: "origin_not_allowed",
    })
}

/** Its own pages are always allowed. */
export function isAllowedOrigin(origin: string, host: string | undefined, origins: readonly string[]): boolean {
  if (origins.includes("*") || origins.includes(origin)) return true
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`)
}

const nameOf = (host: string): string => host.replace(/:\d*$/, "").toLowerCase()

/** @throws ApiError where a key is needed and is not given */
export function requireKey(headers: Headers, { apiKeys }: GuardOptions): void {
  if (apiKeys.length === 0) return
  const given = givenKey(headers)
  // All are compared, each in the same time whatever was given.
  const found = apiKeys.filter((key) => timingSafeEqual(digest(key), digest(given)))
  if (found.length === 0)
    throw new ApiError(401, "an API key is needed: Authorization: Bearer KEY, or x-api-key: KEY", {
      code: "invalid_api_key",
    })
}

function givenKey(headers: Headers): string {
  const bearer = headers.get("authorization")?.match(/^Bearer\s+(.+)$/i)?.[1]
  return bearer ?? headers.get("x-api-key") ?? ""
}

/**
 * Whose a request is, for caches that are kept apart: the same text for the same key and the same names, and no other. Neither
 * can be read from it.
 */
export const cacheSaltOf = (headers: Headers, names: unknown): string =>
  digest(JSON.stringify([givenKey(headers), names])).toString("base64url")

const digest = (text: string): Buffer => createHash("sha256").update(text).digest()

/** Whether only this machine can reach an address that is listened on. */
export function isLoopback(host: string): boolean {
  if (host === "localhost") return true
  return isIP(host) === 4 ? host.startsWith("127.") : host === "::1"
}
