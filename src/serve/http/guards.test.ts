import { describe, expect, it } from "vitest"
import { isLoopback, requireKey, requireKnownPlace } from "./guards.js"

const guards = {
  apiKeys: ["one", "two"],
  hosts: ["localhost", "127.0.0.1", "[::1]"],
  origins: ["https://page.example"],
}

describe("requireKnownPlace", () => {
  it.each([
    ["localhost", undefined],
    ["LOCALHOST:8080", undefined],
    ["[::1]:8080", undefined],
    ["127.0.0.1:8080", "http://127.0.0.1:8080"],
    ["localhost", "https://page.example"],
  ])("lets %s be asked from %s", (host, origin) => {
    expect(() => requireKnownPlace(host, origin, guards)).not.toThrow()
  })

  it.each([
    ["attacker.example", undefined, 421],
    ["localhost.attacker.example:8080", undefined, 421],
    [undefined, undefined, 421],
    ["localhost", "https://attacker.example", 403],
    ["localhost", "null", 403],
    ["localhost:8080", "http://localhost:9090", 403],
    ["localhost", "https://page.example.attacker.example", 403],
  ])("refuses %s from %s", (host, origin, status) => {
    expect(() => requireKnownPlace(host, origin, guards)).toThrow(expect.objectContaining({ status }))
  })

  it("any name where nothing is said, any page where it is", () => {
    expect(() =>
      requireKnownPlace("anything", "https://any.example", { ...guards, hosts: undefined, origins: ["*"] }),
    ).not.toThrow()
  })
})

describe("requireKey", () => {
  const ask = (headers: Record<string, string>) => () => requireKey(new Headers(headers), guards)
  it("takes any of the keys, either way", () => {
    expect(ask({ authorization: "Bearer one" })).not.toThrow()
    expect(ask({ authorization: "bearer two" })).not.toThrow()
    expect(ask({ "x-api-key": "two" })).not.toThrow()
    expect(() => requireKey(new Headers(), { ...guards, apiKeys: [] })).not.toThrow()
  })
  it.each<Record<string, string>>([
    {},
    { authorization: "Bearer on" },
    { authorization: "Bearer one2" },
    { authorization: "Basic one" },
    { "x-api-key": "" },
  ])("refuses %j", (headers) => {
    expect(ask(headers)).toThrow(expect.objectContaining({ status: 401 }))
  })
})

it("knows what only this machine can reach", () => {
  for (const host of ["localhost", "127.0.0.1", "127.5.5.5", "::1"]) expect(isLoopback(host)).toBe(true)
  for (const host of ["0.0.0.0", "::", "192.168.1.2", "127.example", "example.com", ""])
    expect(isLoopback(host)).toBe(false)
})
