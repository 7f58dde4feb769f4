/** A small model hub on 127.0.0.1 with a second server for file contents, and switches for everything that can go wrong. */
import { createHash } from "node:crypto"
import http from "node:http"
import type { AddressInfo } from "node:net"

export interface FakeFile {
  content: Buffer
  /** Large files go through LFS and are hashed with sha256; small ones have git's sha1. */
  lfs: boolean
}

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void

export class FakeHub {
  readonly commit = "0123456789abcdef0123456789abcdef01234567"
  readonly revisions = new Map([["main", this.commit]])
  readonly files = new Map<string, FakeFile>()
  /** Requests as "hub GET /path" and "files GET /path bytes=…". */
  readonly log: string[] = []
  /** Authorization headers that reached each server. */
  readonly tokens = { hub: new Set<string | undefined>(), files: new Set<string | undefined>() }
  /** When set, only this token opens the model. */
  gate?: { token: string; code: string }
  /** Its id of before: the hub sends from all of its addresses to the new ones. */
  formerly?: string
  /** Answers in the place of the hub's own, first come first served. */
  readonly hubAnswers: Handler[] = []
  /** The same for file contents, per file. */
  readonly fileAnswers = new Map<string, Handler[]>()
  ignoresRanges = false
  pageSize = 100
  /** Bytes per chunk of a file and the pause between chunks. */
  pace = { chunk: 1 << 16, pauseMs: 0 }

  /** @param kind what it has, under this id */
  constructor(
    private readonly kind: "model" | "dataset" = "model",
    private readonly id = "org/model",
  ) {}

  private readonly hub = http.createServer((request, response) => this.answerHub(request, response))
  private readonly store = http.createServer((request, response) => this.answerFile(request, response))

  async start(): Promise<void> {
    for (const server of [this.hub, this.store]) await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  }

  async stop(): Promise<void> {
    for (const server of [this.hub, this.store]) {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    }
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.hub.address() as AddressInfo).port}`
  }

  add(path: string, content: string | Buffer, lfs = false): void {
    this.files.set(path, { content: Buffer.from(content), lfs })
  }

  etag(path: string): string {
    const { content, lfs } = this.files.get(path)!
    if (lfs) return createHash("sha256").update(content).digest("hex")
    return createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex")
  }

  /** Requests for the contents of one file. */
  requestsFor(path: string): string[] {
    return this.log.filter((line) => line.startsWith("files") && line.includes(`/${path} `))
  }

  private answerHub(request: http.IncomingMessage, response: http.ServerResponse): void {
    this.log.push(`hub ${request.method} ${request.url}`)
    this.tokens.hub.add(request.headers.authorization)
    const scripted = this.hubAnswers.shift()
    if (scripted) return void scripted(request, response)
    const refuse = (status: number, code: string) => response.writeHead(status, { "x-error-code": code }).end()
    const url = new URL(request.url!, this.endpoint)
    const parts = url.pathname.split("/").filter(Boolean).map(decodeURIComponent)
    const api = parts[0] === "api"
    const prefix = api ? ["api", `${this.kind}s`] : this.kind === "dataset" ? ["datasets"] : []
    const at = prefix.length
    if (this.formerly !== undefined && parts.slice(at, at + 2).join("/") === this.formerly)
      return void response.writeHead(307, { location: request.url!.replace(this.formerly, this.id) }).end()
    const [id, rest] = [parts.slice(at, at + 2), parts.slice(at + 2)]
    if (prefix.some((part, i) => parts[i] !== part) || id.join("/") !== this.id) return void refuse(401, "RepoNotFound")
    if (this.gate && request.headers.authorization !== `Bearer ${this.gate.token}`)
      return void refuse(this.gate.token ? 401 : 403, this.gate.code)
    const commit = rest[1] === this.commit ? this.commit : this.revisions.get(rest[1])
    if (!commit) return void refuse(404, "RevisionNotFound")
    if (rest[0] === "revision") return void response.end(JSON.stringify({ id: this.id, sha: commit }))
    if (rest[0] === "tree") return void this.answerTree(url, response)
    const path = rest.slice(2).join("/")
    if (!this.files.has(path)) return void refuse(404, "EntryNotFound")
    const store = `http://127.0.0.1:${(this.store.address() as AddressInfo).port}`
    response.writeHead(302, { location: `${store}/${path}` }).end()
  }

  private answerTree(url: URL, response: http.ServerResponse): void {
    const start = Number(url.searchParams.get("cursor") ?? 0)
    const paths = [...this.files.keys()]
    const entries = paths.slice(start, start + this.pageSize).map((path) => {
      const { content, lfs } = this.files.get(path)!
      const size = content.length
      if (!lfs) return { type: "file", path, size, oid: this.etag(path) }
      return { type: "file", path, size, oid: "0".repeat(40), lfs: { oid: this.etag(path), size, pointerSize: 134 } }
    })
    const next = start + this.pageSize
    const headers: http.OutgoingHttpHeaders = {}
    if (next < paths.length)
      headers.link = `<https://hub.invalid${url.pathname}?recursive=true&cursor=${next}>; rel="next"`
    response
      .writeHead(200, headers)
      .end(JSON.stringify([{ type: "directory", path: "original", oid: "1".repeat(40), size: 0 }, ...entries]))
  }

  private async answerFile(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const path = decodeURIComponent(request.url!.slice(1))
    this.log.push(`files ${request.method} /${path} ${request.headers.range ?? ""}`)
    this.tokens.files.add(request.headers.authorization)
    const scripted = this.fileAnswers.get(path)?.shift()
    if (scripted) return void scripted(request, response)
    const { content } = this.files.get(path)!
    const start = this.ignoresRanges ? 0 : Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0)
    if (start >= content.length && start > 0) return void response.writeHead(416).end()
    const headers: http.OutgoingHttpHeaders = { "content-length": content.length - start }
    if (start > 0) headers["content-range"] = `bytes ${start}-${content.length - 1}/${content.length}`
    response.writeHead(start > 0 ? 206 : 200, headers)
    for (let at = start; at < content.length && !response.destroyed; at += this.pace.chunk) {
      response.write(content.subarray(at, at + this.pace.chunk))
      if (this.pace.pauseMs) await new Promise((done) => setTimeout(done, this.pace.pauseMs))
    }
    response.end()
  }
}
