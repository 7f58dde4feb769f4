/** Answers to a request that are not what was asked for. */

import type { IncomingMessage, ServerResponse } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { gzipSync } from "node:zlib"
import type { Random } from "../../../src/data/prng.js"
import { mutateBytes } from "./bytes.js"
import { mutateJson, mutateText } from "./json.js"
import { oddString, pick } from "./values.js"

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

const STATUSES = [
  201, 203, 204, 205, 206, 226, 300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 405, 408, 410, 416, 418, 429, 451,
  499, 500, 502, 503, 504, 520, 599,
]

const HEADERS: readonly [string, readonly string[]][] = [
  [
    "link",
    [
      '<>; rel="next"',
      '<http://[>; rel="next"',
      '<x>; rel="next"',
      '<//127.0.0.1:9/y>; rel="next"',
      `<${"a".repeat(3000)}>; rel="next"`,
    ],
  ],
  [
    "location",
    [
      "",
      "http://",
      "file:///etc/hostname",
      "ftp://127.0.0.1/x",
      "/",
      "http://127.0.0.1:9/",
      "http://[::1",
      "javascript:1",
    ],
  ],
  ["x-error-code", ["RepoNotFound", "GatedRepo", "EntryNotFound", "x".repeat(6000), "__proto__"]],
  ["x-error-message", ["<b>no</b>", "x".repeat(6000)]],
  ["content-length", ["0", "1", "99999999"]],
  ["content-encoding", ["gzip", "br", "deflate", "x"]],
  ["content-range", ["bytes 0-1/2", "bytes */0", "bytes 5-4/3", "x", `bytes 0-${2 ** 53}/${2 ** 53}`]],
  ["content-type", ["text/html", "application/octet-stream", "x/y; charset=utf-16"]],
  ["retry-after", ["-1", "0", "x", "0.001", "Wed, 21 Oct 2015 07:28:00 GMT"]],
  ["transfer-encoding", ["chunked", "gzip, chunked"]],
  ["etag", ["", '"x"', "W/x"]],
  ["www-authenticate", ["Basic", "x"]],
]

const LISTING = [
  { type: "file", path: "../x.json", size: 1, oid: "0".repeat(40) },
  { type: "file", path: "x".repeat(5000), size: 1, oid: "0".repeat(40) },
  { type: "file", path: "a\u0000.json", size: 1, oid: "0".repeat(40) },
  { type: "file", path: "big.safetensors", size: 2 ** 53 - 1, oid: "0".repeat(40) },
  { type: "file", path: "config.json", size: 0, oid: "0".repeat(40) },
  { type: "file", path: `${"n".repeat(300)}.json`, size: 0, oid: "0".repeat(40) },
]

/** A body that does not end. */
function endless(response: ServerResponse): void {
  if (response.destroyed) return
  response.write("[".repeat(65_536))
  setTimeout(endless, 0, response)
}

/** The right body, a piece at a time. */
async function slowly(response: ServerResponse, body: Buffer): Promise<void> {
  const size = Math.ceil(body.length / 10)
  for (let at = 0; at < body.length && !response.destroyed; at += size) {
    response.write(body.subarray(at, at + size))
    await sleep(20)
  }
  response.end()
}

/**
 * @param right the body that was asked for
 * @param value what it is as JSON, if it is
 */
export function oddAnswer(random: Random, right: Buffer, value?: unknown): { answer: Answer; what: string } {
  const choice = Math.floor(random() * 12)
  const status = pick(random, STATUSES)
  const [header, values] = pick(random, HEADERS)
  const headerValue = pick(random, values)
  const mutated = value === undefined ? mutateBytes(random, right) : mutateJson(random, value)
  const text = mutateText(random, '{"error":"x"}')
  const at = Math.floor(random() * right.length)
  const body = pick(random, ["", "<html>Not here</html>", '{"error":"no"}', oddString(random)])
  const added = pick(random, LISTING)
  switch (choice) {
    case 0:
      return {
        what: `status ${status}`,
        answer: (_, response) => void response.writeHead(status).end(status === 204 ? "" : body),
      }
    case 1:
      return {
        what: `status ${status} with ${header}: ${headerValue.slice(0, 60)}`,
        answer: (_, response) =>
          void response.writeHead(status, { [header]: headerValue }).end(status === 204 ? "" : body),
      }
    case 2:
    case 3:
      return {
        what: `${header}: ${headerValue.slice(0, 60)}`,
        answer: (_, response) => void response.writeHead(200, { [header]: headerValue }).end(right),
      }
    case 4:
      return { what: text.what, answer: (_, response) => void response.end(text.bytes) }
    case 5:
      return {
        what: `broken off at byte ${at}`,
        answer: (_, response) => {
          response.writeHead(200, { "content-length": right.length })
          response.write(right.subarray(0, at), () => response.destroy())
        },
      }
    case 6:
      return { what: "no answer", answer: () => {} }
    case 7: {
      const raw = pick(random, [
        "\u0000\u0001\u0002",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/9.9 999 x\r\n\r\n",
        "SSH-2.0-x\r\n",
        "HTTP/1.1 200 OK\r\nA\r\n\r\n",
      ])
      return {
        what: `bytes that are not HTTP: ${JSON.stringify(raw)}`,
        answer: (_, response) => void response.socket?.end(raw),
      }
    }
    case 8: {
      if (random() < 0.5) return { what: "a body without end", answer: (_, response) => endless(response) }
      return { what: "a body that comes slowly", answer: (_, response) => void slowly(response, right) }
    }
    case 9:
      return {
        what: "compressed",
        answer: (_, response) => void response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(right)),
      }
    case 10:
      if (Array.isArray(value))
        return {
          what: `with ${JSON.stringify(added).slice(0, 60)}`,
          answer: (_, response) => void response.end(JSON.stringify([...value, added])),
        }
      return { what: mutated.what, answer: (_, response) => void response.end(mutated.bytes) }
    default:
      return { what: mutated.what, answer: (_, response) => void response.end(mutated.bytes) }
  }
}
