/** Which proxy a request goes through: the variables and the meaning of NO_PROXY that huggingface_hub (httpx) has. */
import { BlockList, isIP } from "node:net"
import { UserError } from "../errors.js"

/** Proxies as the environment names them, and where they are passed by. */
export interface Proxies {
  http?: string
  https?: string
  all?: string
  /** Entries of NO_PROXY. */
  except?: string[]
}

type Environment = Record<string, string | undefined>

/**
 * Reads HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY. A lower-case name wins, also when it is empty. HTTP_PROXY in
 * capitals is not believed within CGI, where a client can set it.
 */
export function readProxies(env: Environment): Proxies {
  const value = (name: string): string | undefined => {
    const lower = env[`${name}_proxy`]
    if (lower !== undefined) return lower.trim() || undefined
    if (name === "http" && env.REQUEST_METHOD !== undefined) return undefined
    return env[`${name.toUpperCase()}_PROXY`]?.trim() || undefined
  }
  const except = (value("no") ?? "").split(",").map((entry) => entry.trim().toLowerCase())
  return { http: value("http"), https: value("https"), all: value("all"), except: except.filter(Boolean) }
}

/**
 * The proxy for an address; undefined for a direct connection.
 * @throws UserError when the variable names no proxy that can be used
 */
export function proxyFor(url: URL, proxies: Proxies | undefined): URL | undefined {
  const scheme = url.protocol.slice(0, -1) as "http" | "https"
  const named = proxies?.[scheme] ?? proxies?.all
  if (!named || proxies?.except?.some((entry) => isExcepted(url, entry))) return undefined
  const variable = proxies?.[scheme] ? `${scheme.toUpperCase()}_PROXY` : "ALL_PROXY"
  const proxy = URL.canParse(named.includes("://") ? named : `http://${named}`)
    ? new URL(named.includes("://") ? named : `http://${named}`)
    : undefined
  if (!proxy?.hostname)
    throw new UserError("this is not the address of a proxy", {
      where: variable,
      fix: "It looks like http://host:port or http://name:password@host:port.",
    })
  if (proxy.protocol !== "http:" && proxy.protocol !== "https:")
    throw new UserError(`proxies of the kind ${proxy.protocol.slice(0, -1)} are not supported, only http and https`, {
      where: variable,
      fix: "Name an HTTP proxy, or download the model elsewhere and name its folder.",
    })
  return proxy
}

/**
 * One entry of NO_PROXY: `*`; a name, which covers what is below it; `.name` or `*.name`, only what is below; an address
 * or a network such as 10.0.0.0/8; `localhost`, only itself. A port or a scheme narrows it.
 */
function isExcepted(url: URL, entry: string): boolean {
  if (entry === "*") return true
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase()
  const network = /^\[?([0-9a-f.:]+)\]?\/(\d+)$/.exec(entry)
  if (network) return isInside(host, network[1], Number(network[2]))
  if (isIP(entry)) return host === canonical(entry)
  const parts = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(\[[^\]]*\]|[^:/[\]]*)(?::(\d+))?\/?$/.exec(entry)
  if (!parts) return false
  const [, scheme, name, port] = parts
  if (scheme && scheme !== "all" && `${scheme}:` !== url.protocol) return false
  if (port && port !== url.port) return false
  const bare = name.replace(/^\[|\]$/g, "")
  if (isIP(bare) || bare === "localhost" || scheme) return host === canonical(bare)
  const below = bare.replace(/^\*?\./, "")
  return host.endsWith(`.${below}`) || (below === bare && host === below)
}

function isInside(host: string, network: string, bits: number): boolean {
  const family = isIP(network)
  if (!family || isIP(host) !== family || bits > (family === 4 ? 32 : 128)) return false
  const kind = family === 4 ? "ipv4" : "ipv6"
  const list = new BlockList()
  list.addSubnet(network, bits, kind)
  return list.check(host, kind)
}

/** An IPv6 address as URLs spell it. */
function canonical(name: string): string {
  return isIP(name) === 6 ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name
}
