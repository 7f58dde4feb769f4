import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { failureOf } from "../../../test/support/failure.js"
import { parseYaml, trainingSchema } from "./config.js"
import { readTrainingRecipe } from "./plan.js"

const recipes = resolve(import.meta.dirname, "../../../recipes")
const folder = mkdtempSync(join(tmpdir(), "dvl-recipe-"))
afterAll(() => rmSync(folder, { recursive: true }))

const write = (text: string): string => {
  const file = join(folder, "recipe.yaml")
  writeFileSync(file, text)
  return file
}
const SMALL = "model: m\noutput: out\ndata:\n  file: data.json\n"

describe("recipes", () => {
  it("that ship are all valid", () => {
    const files = readdirSync(recipes).filter((name) => name.endsWith(".yaml"))
    expect(files.length).toBeGreaterThan(1)
    for (const file of files) expect(readTrainingRecipe(join(recipes, file)).model).toContain("Qwen")
  })

  it("of the paper have the authors' settings", () => {
    for (const size of ["3b", "7b"]) {
      const { block_diffusion, data, train } = readTrainingRecipe(join(recipes, `qwen2.5-vl-${size}.yaml`))
      expect(block_diffusion).toEqual({
        block_size: 8,
        anneal: [],
        noise: "ordered",
        noise_range: [0.001, 1],
        shift: "same",
        context: "block",
        weight: "1/t",
        learn: "authors",
        fill: "last",
        copies: 1,
      })
      expect(data).toMatchObject({ image_aspect: "pad", max_length: 8192, min_pixels: 147456, max_pixels: 262144 })
      expect(train).toMatchObject({
        learning_rate: 1e-5,
        vision_learning_rate: 2e-6,
        weight_decay: 0,
        betas: [0.9, 0.999],
        max_grad_norm: 1,
        warmup_ratio: 0.03,
        epochs: 1,
      })
      expect(train.micro_batch_size * train.accumulate).toBe(256)
    }
  })

  it("take data paths from their own folder, and overrides from the command line", () => {
    const config = readTrainingRecipe(write(SMALL), [
      "train.max_steps=7",
      "block_diffusion.noise=uniform",
      "data.augment={flip: 1}",
    ])
    expect(config.data.file).toBe(join(folder, "data.json"))
    const pictures = readTrainingRecipe(write(`${SMALL}  image_root: pictures\n`)).data.image_root
    expect(pictures).toBe(join(folder, "pictures"))
    expect(readTrainingRecipe(write(SMALL), ["data.file=here.json"]).data.file).toBe(resolve("here.json"))
    expect(config.train.max_steps).toBe(7)
    expect(config.block_diffusion.noise).toBe("uniform")
    expect(config.data.augment?.flip).toBe(1)
  })

  it.each([
    [`${SMALL}train:\n  learnign_rate: 1\n`, /line 6.*learnign_rate/],
    [`${SMALL}train:\n  learning_rate: fast\n`, /line 6: train\.learning_rate/],
    [`${SMALL}block_diffusion: { noise: loud }\n`, /line 5: block_diffusion\.noise/],
    [`${SMALL}block_diffusion: { noise_range: [0, 1] }\n`, /line 5: block_diffusion\.noise_range: noise of 0/],
    [`${SMALL}block_diffusion: { noise_range: [0.7, 0.3] }\n`, /the second number must be the larger/],
    [`${SMALL}train: { tunable: [] }\n`, /tunable/],
    ["model: [m\n", /line 2: Flow sequence [^\n]*\n {2}mend the YAML$/],
    ["", /model/],
  ])("name the line of what is wrong: %j", (text, sentence) => {
    const failure = (() => {
      try {
        parseYaml(trainingSchema(), text, "r.yaml")
      } catch (error) {
        return error as { format(): string }
      }
      throw new Error("no error")
    })()
    expect(failure.format()).toMatch(sentence)
    expect(failure.format()).toContain("r.yaml")
  })

  it.each([
    ["block_diffusion: { block_size: 1.0e+9 }", ["block_diffusion.block_size: must be at most 65536, not 1000000000"]],
    ["block_diffusion: { block_size: 1.0e+300 }", ["block_diffusion.block_size: must be at most 65536, not 1e+300"]],
    ["train: { seed: -1.0e+300 }", ["train.seed: must be at least 0, not -1e+300"]],
    ["train: { learning_rate: 9, weight_decay: 1 }", ["train.learning_rate: must be at most 1, not 9"]],
    [
      "train: { micro_batch_size: 1.0e+9, accumulate: 1.0e+9 }",
      [
        "train.micro_batch_size: must be at most 4096, not 1000000000",
        "train.accumulate: must be at most 65536, not 1000000000",
      ],
    ],
  ])("name a key once: %s", (line, sentences) => {
    expect(() => parseYaml(trainingSchema(), `${SMALL}${line}\n`, "r.yaml")).toThrow(
      expect.objectContaining({ message: sentences.map((sentence) => `line 5: ${sentence}`).join("\n  ") }),
    )
  })

  it("that are not there, and overrides without a value, are errors in a sentence", () => {
    expect(() => readTrainingRecipe(join(folder, "none.yaml"))).toThrow(
      /the recipe cannot be read: there is no such file/,
    )
    expect(() => readTrainingRecipe(write(SMALL), ["train.max_steps"])).toThrow(/KEY=VALUE/)
    expect(() => readTrainingRecipe(write(SMALL), ["data.file.x=1"])).toThrow(/does not fit the recipe/)
    expect(() => readTrainingRecipe(write("model: [m\n"), ["train.max_steps=1"])).toThrow(
      /line 2: Flow sequence .* end with a \]/,
    )
  })

  it.each([
    ["data: { task_mixture: [], sampler: grouped }", /data\.task_mixture: must have at least 1 entry/],
    ["data: { task_mixture: [{ until: 1, tasks: {} }], sampler: grouped }", /no task has a probability above 0/],
    [
      "data: { task_mixture: [{ until: 1, tasks: { a: 1 } }, { until: 0.5, tasks: { a: 1 } }], sampler: grouped }",
      /until` must grow/,
    ],
    [
      "data: { task_mixture: [{ until: 0.4, tasks: { a: 1 } }, { until: 0.9, tasks: { a: 1 } }], sampler: grouped }",
      /data\.task_mixture: the last `until` must be 1/,
    ],
    [
      "data: { task_mixture: [{ until: 1, tasks: { a: 1 } }] }",
      /data\.task_mixture: counts only with data\.sampler: grouped/,
    ],
    ["data: { mixture: [] }", /data\.mixture: is called task_mixture now/],
    ["data: { sampler: pictures }", /data\.sampler: pictures is called grouped now/],
    ["data: { augment: { overlay: 0.5 } }", /data\.augment\.overlay: is now mixing: \{ probability: … \}/],
    ["data: { augment: { mixing: { weight: 2 } } }", /data\.augment\.mixing\.weight: must be at most 1, not 2/],
    ["data: { min_pixels: 1000, max_pixels: 500 }", /data\.min_pixels: 1000 is above data\.max_pixels, 500/],
    ["data: { augment: { scale: [1.2, 0.9] } }", /data\.augment\.scale: the second number must not be the smaller/],
    ["data: { augment: { rotate_degrees: 1e300 } }", /rotate_degrees: must be at most 360/],
    ["data: { max_length: 4 }", /block_size: 8 is above data\.max_length, 4/],
    ["data: { file: '' }", /data\.file: must not be empty/],
    ["data: { file: 3 }", /data\.file: must be a text, not 3/],
    ["data: { trusted: maybe }", /data\.trusted: must be true or false, not "maybe"/],
    ["block_diffusion: { noise_range: [1.0e-9, 2.0e-9] }", /at least 1e-6[\s\S]*at least 0\.01: below, hardly a token/],
    ["block_diffusion: { noise_range: 1 }", /noise_range: must be a list, not 1/],
    ["block_diffusion: { block_size: 1.0e+9 }", /block_size: must be at most 65536, not 1000000000/],
    ["block_diffusion: { copies: 1.5 }", /copies: must be a whole number, not 1\.5/],
    ["train: { betas: [1, 1] }", /train\.betas\.0: must be below 1, not 1\n.*train\.betas\.1/],
    ["train: { betas: [0.9] }", /train\.betas/],
    ["train: { learning_rate: 1.0e+30 }", /train\.learning_rate: must be at most 1, not 1e\+30/],
    ["train: { projector_learning_rate: .inf }", /projector_learning_rate: must be a number, not Infinity/],
    ["train: { learning_rate: .nan }", /learning_rate: must be a number, not NaN/],
    [
      "train: { learning_rate: 0.5, weight_decay: 2 }",
      /train\.learning_rate: times train\.weight_decay, 2, must be below 1/,
    ],
    ["train: { eps: 0 }", /train\.eps: must be at least 1e-20, not 0/],
    ["train: { micro_batch_size: 1000000000 }", /micro_batch_size: must be at most 4096/],
    ["train: { micro_batch_size: 4096, accumulate: 65536 }", /times train\.accumulate, 65536, is more/],
    ["train: { epochs: 1.0e+300 }", /train\.epochs: must be at most/],
    ["train: { max_grad_norm: 1e-300 }", /train\.max_grad_norm: must be 0 \(no clipping\) or at least 0\.000001/],
    ["train: { max_minutes: -1 }", /train\.max_minutes: must be above 0, not -1/],
    ["train: { max_steps: 1e999 }", /train\.max_steps/],
    ["train: null", /train: must be a section with keys, not nothing/],
    ["train: [1]", /train: must be a section with keys, not \[1\]/],
    ["train: { seed: 1, seed: 2 }", /line 5: the key seed stands twice/],
    ["train: { ? [a] : 1 }", /a key is not a word/],
    ["__proto__: { a: 1 }", /a key is not a word/],
    ["constructor: { a: 1 }", /constructor: there is no such key/],
    ["train: !secret { seed: 1 }", /Unresolved tag/],
    ["train: *nothing", /aliases \(\*name\) repeat too much, or name nothing/],
    ["---\nmodel: x", /several documents/],
    [`train: ${"[".repeat(40)}${"]".repeat(40)}`, /nests more than 32 levels/],
    [`train: ${"[".repeat(20_000)}${"]".repeat(20_000)}`, /nests more than 32 levels/],
  ])("refuse what would not train: %.60s", (keys, sentence) => {
    const [section] = keys.split(":")
    const base = `model: m\noutput: out\nparadigm: block-diffusion\n`
    const data = section === "data" ? "" : "data: { file: d.json }\n"
    const text = `${base}${data}${section === "data" && !keys.includes("file:") ? keys.replace("{", "{ file: d.json,") : keys}\n`
    const failure = failureOf(() => parseYaml(trainingSchema(), text, "r.yaml"))
    expect(failure).toMatch(sentence)
    expect(failure).not.toMatch(/undefined|received|Invalid input|JSON at/)
    expect(failure.length).toBeLessThan(1000)
  })

  it("cut a long list of problems, and aliases that multiply", () => {
    const keys = Array.from({ length: 10_000 }, (_, i) => `key_number_${i}: 1\n`).join("")
    const failure = failureOf(() => parseYaml(trainingSchema(), SMALL + keys, "r.yaml"))
    expect(failure.split("\n").slice(0, 2)).toEqual([
      "r.yaml: line 5: key_number_0: there is no such key",
      "  line 6: key_number_1: there is no such key",
    ])
    expect(failure).toMatch(/\n {2}and 9990 more\n/)
    const bomb = ["a: &a [x, x]", ..."bcdefghijklmnopqrst"].map((line, i) =>
      line.length > 1
        ? line
        : `${line}: &${line} [*${"abcdefghijklmnopqrst"[i - 1]}, *${"abcdefghijklmnopqrst"[i - 1]}]`,
    )
    expect(failureOf(() => parseYaml(trainingSchema(), bomb.join("\n"), "r.yaml"))).toMatch(
      /its aliases \(\*name\) repeat/,
    )
    const shared = `${SMALL}train: { learning_rate: &rate 0.5, vision_learning_rate: *rate }\n`
    expect(parseYaml(trainingSchema(), shared, "r.yaml").train.vision_learning_rate).toBe(0.5)
  })

  it("must be text files with keys", () => {
    const of = (content: string | Uint8Array): string => {
      const file = join(folder, "odd.yaml")
      writeFileSync(file, content)
      return failureOf(() => readTrainingRecipe(file))
    }
    expect(of("- a\n- b\n")).toMatch(/odd\.yaml: the recipe is a list, not keys with values/)
    expect(of("just text")).toMatch(/the recipe is a value/)
    expect(of(Buffer.from(SMALL, "utf16le"))).toMatch(/UTF-16/)
    expect(of(Buffer.from("model: \u00e9", "latin1"))).toMatch(/not UTF-8: its byte 7/)
    expect(of(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]))).toMatch(/control characters/)
    expect(of("a".repeat(300 * 1024))).toMatch(/300 KiB, more than the 256 allowed/)
    expect(of(`\ufeff${SMALL}`)).toBe("no error")
    expect(failureOf(() => readTrainingRecipe(folder))).toMatch(/not a regular file/)
    const pipe = join(folder, "pipe.yaml")
    execFileSync("mkfifo", [pipe])
    expect(failureOf(() => readTrainingRecipe(pipe))).toMatch(/not a regular file/)
  })

  it.each([
    ["__proto__.polluted=1", /no such key/],
    ["constructor.prototype.polluted=1", /--set constructor: there is no such key/],
    ["train..seed=1", /KEY=VALUE/],
    ["=1", /KEY=VALUE/],
    [".=1", /KEY=VALUE/],
    ["train.seed=[1", /--set train\.seed=\[1: line 1/],
    ["train.seed=one", /--set train\.seed: must be a number, not "one"/],
    ["train.seed.x=1", /there are no keys in a value: x/],
    ["train.betas.99999999=1", /99999999 is no place of a list of 2/],
    ["train.betas.0=2", /--set train\.betas\.0: must be below 1, not 2/],
    [`train.seed=${"[".repeat(50_000)}`, /^--set train.seed=/],
    ["data.file=", /data\.file/],
    [
      "data.file=https://x.org/y.json",
      /--set data\.file: the data file is given as an https: URL \(https:\/\/x\.org\/y\.json\): download it/,
    ],
    ["data.file=file:///tmp/y.json", /a file: URL .*: give the path, without file:\/\/ \(\/tmp\/y\.json\)/],
    ["data.image_root=s3://bucket/a", /--set data\.image_root: .* an s3: URL .*: give the path of a folder/],
    ["output=https://x.org/y", /--set output: the output folder is given as an https: URL/],
    [
      "model=https://huggingface.co/Qwen/Qwen2.5-VL-3B-Instruct",
      /--set model: the model is given as an https: URL \(.*\): give the id instead: Qwen\/Qwen2\.5-VL-3B-Instruct$/m,
    ],
  ])("are overridden by sound keys only: --set %.60s", (override, sentence) => {
    const file = write(`${SMALL}train: { seed: 1, betas: [0.9, 0.99] }\n`)
    const failure = failureOf(() => readTrainingRecipe(file, [override]))
    expect(failure).toMatch(sentence)
    expect(failure.length).toBeLessThan(500)
    expect(Reflect.get({}, "polluted")).toBeUndefined()
  })

  it("are not loaded from addresses", () => {
    expect(failureOf(() => readTrainingRecipe("https://x.org/r.yaml"))).toBe(
      "https://x.org/r.yaml: the recipe is given as an https: URL\n  download it and give the path on this machine",
    )
  })

  it("take a key inside of a list from the command line", () => {
    const file = write(`${SMALL}train: { betas: [0.9, 0.99] }\n`)
    expect(readTrainingRecipe(file, ["train.betas.1=0.95"]).train.betas).toEqual([0.9, 0.95])
  })
})
