/** A proxy on 127.0.0.1: whole addresses for http, CONNECT for the rest. It knows every host as the one it is given. */
import http from "node:http"
import net, { type AddressInfo } from "node:net"

export class FakeProxy {
  /** "GET http://host/path" and "CONNECT host:port". */
  readonly log: string[] = []
  /** "name:password" that must be given. */
  login?: string
  /** Status with which CONNECT is answered, when it is not to succeed. */
  refuses?: number
  /** Port on 127.0.0.1 that stands for every host. */
  target = 0

  private readonly sockets = new Set<net.Socket>()
  private readonly server = http.createServer((request, response) => {
    this.log.push(`${request.method} ${request.url}`)
    if (!this.admits(request)) return void response.writeHead(407).end()
    const { pathname, search } = new URL(request.url as string)
    const { "proxy-authorization": _, ...headers } = request.headers
    const onward = http.get({ host: "127.0.0.1", port: this.target, path: pathname + search, headers }, (answer) => {
      response.writeHead(answer.statusCode as number, answer.headers)
      answer.pipe(response)
    })
    onward.on("error", () => response.destroy())
  })

  async start(): Promise<void> {
    this.server.on("connection", (socket) => this.keep(socket))
    this.server.on("connect", (request, socket: net.Socket) => {
      this.log.push(`${request.method} ${request.url}`)
      const status = this.admits(request) ? (this.refuses ?? 200) : 407
      socket.write(`HTTP/1.1 ${status} -\r\n\r\n`)
      if (status !== 200) return void socket.end()
      const onward = net.connect(this.target, "127.0.0.1")
      this.keep(onward)
      onward.pipe(socket).pipe(onward)
    })
    await new Promise<void>((done) => this.server.listen(0, "127.0.0.1", done))
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise((done) => this.server.close(done))
  }

  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  private keep(socket: net.Socket): void {
    this.sockets.add(socket)
    socket.on("error", () => socket.destroy())
  }

  private admits({ headers }: http.IncomingMessage): boolean {
    const given = headers["proxy-authorization"]?.replace(/^Basic /, "") ?? ""
    return this.login === undefined || Buffer.from(given, "base64").toString() === this.login
  }
}
