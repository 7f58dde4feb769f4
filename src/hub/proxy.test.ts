/** Which proxy, and when none: the values are those of httpx, which huggingface_hub makes its requests with. */
import { spawn } from "node:child_process"
import fs from "node:fs"
import https from "node:https"
import type { AddressInfo } from "node:net"
import os from "node:os"
import path from "node:path"
import { pathToFileURL } from "node:url"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { FakeHub } from "../../test/support/fake-hub.js"
import { FakeProxy } from "../../test/support/fake-proxy.js"
import { CERTIFICATE, KEY } from "../../test/support/tls.js"
import { UserError } from "../errors.js"
import { downloadModel } from "./download.js"
import { proxyFor, readProxies } from "./proxy.js"
import type { HubSettings } from "./settings.js"

describe("NO_PROXY", () => {
  const passesBy = (except: string, url: string) =>
    proxyFor(new URL(url), readProxies({ all_proxy: "http://proxy:1", no_proxy: except })) === undefined

  it.each([
    ["example.com", "https://example.com/", true],
    ["example.com", "https://a.example.com/", true],
    ["example.com", "https://notexample.com/", false],
    [".example.com", "https://example.com/", false],
    [".example.com", "https://a.example.com", true],
    ["*.example.com", "https://a.example.com", true],
    ["*.example.com", "https://example.com", false],
    ["example.com:8080", "http://example.com:8080", true],
    ["example.com:8080", "http://example.com", false],
    ["10.0.0.0/8", "http://10.1.2.3", true],
    ["10.0.0.0/8", "http://11.1.2.3", false],
    ["127.0.0.1", "http://127.0.0.1:99", true],
    ["127.0.0.1:81", "http://127.0.0.1:80", false],
    ["localhost", "http://localhost:3", true],
    ["localhost", "http://a.localhost", false],
    ["::1", "http://[::1]:3", true],
    ["[::1]", "http://[::1]:3", true],
    ["fd00::/8", "http://[fd12::1]", true],
    ["EXAMPLE.com", "https://example.COM", true],
    ["a, example.com ,b", "https://example.com", true],
    ["example.com b.com", "http://b.com", false],
    ["a,*", "https://example.com", true],
    ["https://example.com", "https://example.com", true],
    ["https://example.com", "http://example.com", false],
    ["huggingface.co", "https://cdn-lfs.huggingface.co", true],
    ["[", "https://example.com", false],
    ["1.2.3.4/99", "http://1.2.3.4", false],
  ])("%s: %s is reached directly: %s", (except, url, direct) => {
    expect(passesBy(except, url)).toBe(direct)
  })
})

describe("the variables", () => {
  const proxy = (env: Record<string, string>, url = "https://hub.test") =>
    proxyFor(new URL(url), readProxies(env))?.href

  it("are read by scheme, then ALL_PROXY; lower case wins, also when it is empty", () => {
    expect(proxy({ HTTPS_PROXY: "http://a:1", ALL_PROXY: "http://b:1" })).toBe("http://a:1/")
    expect(proxy({ HTTP_PROXY: "http://a:1", ALL_PROXY: "http://b:1" })).toBe("http://b:1/")
    expect(proxy({ HTTP_PROXY: "http://a:1" })).toBeUndefined()
    expect(proxy({ HTTPS_PROXY: "http://a:1", https_proxy: "http://c:1" })).toBe("http://c:1/")
    expect(proxy({ HTTPS_PROXY: "http://a:1", https_proxy: "" })).toBeUndefined()
    expect(proxy({ https_proxy: "proxy.test:3128" })).toBe("http://proxy.test:3128/")
  })

  it("HTTP_PROXY is not believed in CGI programs, where clients set it", () => {
    const cgi = { HTTP_PROXY: "http://a:1", REQUEST_METHOD: "GET" }
    expect(proxy(cgi, "http://hub.test")).toBeUndefined()
    expect(proxy({ ...cgi, http_proxy: "http://b:1" }, "http://hub.test")).toBe("http://b:1/")
  })

  it.each([
    ["socks5://p:1", /ALL_PROXY: proxies of the kind socks5 are not supported/],
    ["http://", /ALL_PROXY: this is not the address of a proxy\n.*http:\/\/host:port/],
    ["http://name:secret@ ", /ALL_PROXY: this is not the address of a proxy/],
  ])("%s is refused in a sentence that keeps passwords to itself", (value, sentence) => {
    let text = ""
    try {
      proxyFor(new URL("http://hub.test"), readProxies({ ALL_PROXY: value }))
    } catch (error) {
      text = (error as UserError).format()
    }
    expect(text).toMatch(sentence)
    expect(text).not.toContain("secret")
  })
})

describe("a download", () => {
  let root: string
  let hub: FakeHub
  let proxy: FakeProxy
  beforeEach(async () => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "proxy-"))
    hub = new FakeHub()
    proxy = new FakeProxy()
    await Promise.all([hub.start(), proxy.start()])
    hub.add("config.json", "{}")
    hub.add("model.safetensors", Buffer.alloc(1000, 7), true)
    proxy.target = Number(new URL(hub.endpoint).port)
  })
  afterEach(async () => {
    await Promise.all([hub.stop(), proxy.stop()])
    fs.rmSync(root, { recursive: true })
  })
  const download = (env: Record<string, string>, endpoint = "http://hub.test") => {
    const settings: HubSettings = { endpoint, cache: root, offline: false, proxies: readProxies(env) }
    return downloadModel({ id: "org/model", revision: "main" }, { settings, retryDelayMs: 1 })
  }
  const failure = async (...args: Parameters<typeof download>): Promise<string> => {
    const error = await download(...args).catch((error) => error)
    expect(error).toBeInstanceOf(UserError)
    return error.format()
  }

  it("goes through the proxy by its whole address, and passes it by where NO_PROXY says so", async () => {
    proxy.login = "me:p@ss word"
    const { folder } = await download({
      http_proxy: `http://me:p%40ss%20word@${proxy.host}`,
      no_proxy: "127.0.0.1", // where the hub sends for the contents
    })
    expect(fs.readFileSync(path.join(folder, "model.safetensors"))).toEqual(Buffer.alloc(1000, 7))
    expect(proxy.log[0]).toBe("GET http://hub.test/api/models/org/model/revision/main")
    expect(proxy.log).toHaveLength(4)
    expect(hub.log.filter((line) => line.startsWith("files"))).toHaveLength(2)
  })

  it("a proxy that wants a password, or is not there", async () => {
    proxy.login = "me:secret"
    expect(await failure({ http_proxy: proxy.host })).toMatch(
      /^127.0.0.1:\d+: the proxy asks for a name and a password.*\n.*HTTPS_PROXY=http:\/\/name:password@host:port/,
    )
    expect(await failure({ https_proxy: proxy.host }, "https://hub.test")).toMatch(/asks for a name and a password/)
    expect(await failure({ http_proxy: "http://me:secret@127.0.0.1:9" })).toMatch(
      /cannot load org\/model: the connection was refused \(through the proxy 127.0.0.1:9\)/,
    )
  })

  it("a proxy that does not let the host through", async () => {
    proxy.refuses = 403
    expect(await failure({ https_proxy: proxy.host }, "https://hub.test")).toMatch(
      /the proxy refuses to connect to hub.test \(403\)\n.*NO_PROXY/,
    )
    proxy.refuses = 502
    expect(await failure({ https_proxy: proxy.host }, "https://hub.test")).toMatch(
      /it answered 502 \(through the proxy/,
    )
    proxy.refuses = undefined
    // The hub of the tests speaks no TLS: the tunnel is there, and what comes out of it is no handshake.
    expect(await failure({ https_proxy: proxy.host }, "https://hub.test")).toMatch(/the server does not speak TLS/)
  })

  it("an encrypted hub is reached through a tunnel, whose certificate is checked", async () => {
    const server = https.createServer({ key: KEY, cert: CERTIFICATE }, (request, response) => {
      hub.log.push(`tls ${request.headers["proxy-authorization"] ?? "no login seen"}`)
      const onward = new URL(request.url as string, hub.endpoint)
      void fetch(onward, { redirect: "follow" }).then(async (answer) => {
        response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()))
      })
    })
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
    proxy.target = (server.address() as AddressInfo).port
    proxy.login = "me:secret"
    const env = { HTTPS_PROXY: `http://me:secret@${proxy.host}` }
    try {
      expect(await failure(env, "https://hub.test")).toMatch(/certificate of the server is not trusted/)
      // Node reads further certificates when it starts.
      const trusted = path.join(root, "ca.pem")
      fs.writeFileSync(trusted, CERTIFICATE)
      const module = pathToFileURL(path.resolve(import.meta.dirname, "../../dist/hub/download.js")).href
      const script = `const { downloadModel } = await import(${JSON.stringify(module)})
        console.log((await downloadModel({ id: "org/model", revision: "main" })).commit)`
      const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
        env: { ...env, NODE_EXTRA_CA_CERTS: trusted, HF_ENDPOINT: "https://hub.test", HF_HUB_CACHE: root },
        stdio: ["ignore", "pipe", "inherit"],
      })
      let output = ""
      child.stdout.on("data", (text) => (output += text))
      await new Promise((done) => child.on("close", done))
      expect(output.trim()).toBe(hub.commit)
      expect(proxy.log.at(-1)).toBe("CONNECT hub.test:443")
      expect(hub.log).toContain("tls no login seen")
    } finally {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    }
  })
})
