/** Names of models and settings from the environment. */
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { FakeHub } from "../../test/support/fake-hub.js"
import { UserError } from "../errors.js"
import { parseHubId } from "./hub-id.js"
import { resolveModel } from "./resolve.js"
import { hubSettings } from "./settings.js"

let root: string
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "resolve-"))
})
afterEach(() => fs.rmSync(root, { recursive: true, force: true }))

describe("names", () => {
  it.each([
    ["Qwen/Qwen2.5-VL-3B-Instruct", { id: "Qwen/Qwen2.5-VL-3B-Instruct", revision: "main" }],
    ["org/name@v1.0", { id: "org/name", revision: "v1.0" }],
    ["org/name@refs/pr/3", { id: "org/name", revision: "refs/pr/3" }],
    ["name", undefined],
    ["a/b/c", undefined],
    ["../up", undefined],
    ["org/na..me", undefined],
    ["org/name@../x", undefined],
    ["org/name@", undefined],
    ["org/name@a\0b", undefined],
    ["org/name@a\\b", undefined],
  ])("%s", (name, expected) => expect(parseHubId(name)).toEqual(expected))

  it("a folder, then a built-in model, then the hub", async () => {
    fs.mkdirSync(path.join(root, "mine"))
    fs.mkdirSync(path.join(root, "shipped", "emoji"), { recursive: true })
    const options = { builtIn: path.join(root, "shipped") }
    expect(await resolveModel(path.join(root, "mine"), options)).toEqual({
      folder: path.join(root, "mine"),
      source: "folder",
    })
    expect(await resolveModel("emoji", options)).toEqual({
      folder: path.join(root, "shipped", "emoji"),
      source: "built-in",
    })
    const hub = new FakeHub()
    await hub.start()
    try {
      hub.add("config.json", "{}")
      const settings = { endpoint: hub.endpoint, cache: path.join(root, "cache"), offline: false }
      const model = await resolveModel("org/model", { ...options, settings })
      expect(model).toMatchObject({ source: "hub", id: "org/model", commit: hub.commit })
      expect(fs.readFileSync(path.join(model.folder, "config.json"), "utf8")).toBe("{}")
    } finally {
      await hub.stop()
    }
  })

  it.each([
    [
      "https://huggingface.co/Qwen/Qwen2.5-VL-3B-Instruct",
      "an https",
      "give the id instead: Qwen/Qwen2.5-VL-3B-Instruct",
    ],
    ["https://huggingface.co/Qwen/Qwen2.5-VL-3B-Instruct/tree/main?x=1", "an https", "id instead: Qwen/Qwen2.5-VL-3B-"],
    ["HTTPS://hf.co/org/name/tree/v1.0/", "an https", "give the id instead: org/name@v1.0"],
    ["hf://org/name", "an hf", "give the id instead: org/name"],
    ["https://huggingface.co/Qwen", "an https", "name a folder, or a hub id such as"],
    ["https://example.org/org/name", "an https", "name a folder, or a hub id such as"],
    ["http://[", "an http", "name a folder, or a hub id such as"],
    ["file:///tmp/h/m", "a file", "give the path, without file:// (/tmp/h/m)"],
    ["file://%", "a file", "give the path, without file://"],
    ["s3://bucket/m", "an s3", "name a folder, or a hub id such as"],
  ])("an address is named as such: %s", async (name, kind, fix) => {
    const error = await resolveModel(name, { builtIn: root }).catch((error) => error)
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toBe(`the model is given as ${kind}: URL`)
    expect(error.where).toBe(name)
    expect(error.fix).toContain(fix)
  })

  it("what is nowhere is said to be so, with what could be named", async () => {
    fs.mkdirSync(path.join(root, "shipped", "emoji"), { recursive: true })
    const problem = (name: string) =>
      resolveModel(name, { builtIn: path.join(root, "shipped") }).catch((error) => error.format())
    expect(await problem("./absent/model")).toMatch(/no such model\n.*built-in model \(emoji\).*hub id/)
    expect(await problem("absent")).toMatch(/no such model/)
    expect(await problem("")).toMatch(/^"": there is no such model/)
    fs.writeFileSync(path.join(root, "file"), "")
    expect(await problem(path.join(root, "file"))).toMatch(/it is a file/)
    expect(await problem("nul\0byte")).toMatch(/^nul\?byte: there is no such model/)
    expect((await problem("x".repeat(5000))).length).toBeLessThan(500)
    fs.symlinkSync("loop", path.join(root, "loop"))
    expect(await problem(path.join(root, "loop"))).toMatch(/it cannot be opened/)
  })
})

describe("settings", () => {
  const home = "/home/someone"
  it.each([
    [{}, `${home}/.cache/huggingface/hub`],
    [{ XDG_CACHE_HOME: "/x" }, "/x/huggingface/hub"],
    [{ XDG_CACHE_HOME: "/x", HF_HOME: "/h" }, "/h/hub"],
    [{ HF_HOME: "/h", HUGGINGFACE_HUB_CACHE: "/old" }, "/old"],
    [{ HF_HUB_CACHE: "/new", HUGGINGFACE_HUB_CACHE: "/old" }, "/new"],
    [{ HF_HOME: "~/hf" }, `${home}/hf/hub`],
    [{ HF_HOME: "$BASE/hf", BASE: "/b" }, "/b/hf/hub"],
  ])("cache for %j", (env, expected) => expect(hubSettings({ HOME: home, ...env }).cache).toBe(expected))

  it("tokens: the variable, then the file of a login, unless that is switched off", () => {
    const env = { HF_HOME: root }
    expect(hubSettings(env).token).toBeUndefined()
    fs.writeFileSync(path.join(root, "token"), "from-file\n")
    expect(hubSettings(env).token).toBe("from-file")
    expect(hubSettings({ ...env, HUGGING_FACE_HUB_TOKEN: "older" }).token).toBe("older")
    expect(hubSettings({ ...env, HF_TOKEN: " named ", HUGGING_FACE_HUB_TOKEN: "older" }).token).toBe("named")
    expect(hubSettings({ ...env, HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" }).token).toBeUndefined()
  })

  it("endpoint and offline mode", () => {
    expect(hubSettings({})).toMatchObject({ endpoint: "https://huggingface.co", offline: false })
    expect(hubSettings({ HF_ENDPOINT: "https://mirror.example/" }).endpoint).toBe("https://mirror.example")
    for (const value of ["1", "true", "YES", "on"]) expect(hubSettings({ HF_HUB_OFFLINE: value }).offline).toBe(true)
    expect(hubSettings({ HF_HUB_OFFLINE: "0" }).offline).toBe(false)
    expect(hubSettings({ TRANSFORMERS_OFFLINE: "1" }).offline).toBe(true)
  })
})
