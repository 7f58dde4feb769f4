import { describe, expect, it } from "vitest"
import { isNamed, isSaved, patternValue, targetsOf } from "./module-names.js"

const linear = (name: string) => ({ name, linear: true, ...(name === "lm_head" && { head: true }) })
const MODULES = [
  { name: "model.embed_tokens", linear: false },
  linear("model.layers.0.self_attn.q_proj"),
  linear("model.layers.0.mlp.down_proj"),
  { name: "model.layers.0.input_layernorm", linear: false },
  linear("model.layers.1.self_attn.q_proj"),
  linear("visual.blocks.0.attn.proj"),
  linear("lm_head"),
]
const names = (rules: Partial<Parameters<typeof targetsOf>[1]>): string[] =>
  targetsOf(MODULES, { target: [], modulesToSave: [], ...rules }).map(({ name }) => name)

// What PEFT 0.21 chooses (check_target_module_exists, _set_trainable).
describe("PEFT's names of modules", () => {
  it.each([
    [{ target: ["q_proj"] }, ["model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj"]],
    // Whole words: not down_proj.
    [{ target: ["proj"] }, ["visual.blocks.0.attn.proj"]],
    [{ target: ["0.self_attn.q_proj", "lm_head"] }, ["model.layers.0.self_attn.q_proj", "lm_head"]],
    // All of the name must fit an expression.
    [{ target: "q_proj" }, []],
    [{ target: String.raw`.*\.(q|down)_proj` }, [1, 2, 4].map((i) => MODULES[i].name)],
    [{ target: String.raw`model\.layers\.(?P<i>1)\..*` }, ["model.layers.1.self_attn.q_proj"]],
    [{ target: "all-linear" }, [1, 2, 4, 5].map((i) => MODULES[i].name)],
    [{ target: "all-linear", exclude: ["proj", "q_proj"] }, ["model.layers.0.mlp.down_proj"]],
    [{ target: ["q_proj"], exclude: String.raw`.*layers\.0.*` }, ["model.layers.1.self_attn.q_proj"]],
    [{ target: ["q_proj", "proj"], modulesToSave: ["visual"] }, [1, 4].map((i) => MODULES[i].name)],
  ])("%j", (rules, expected) => {
    expect(names(rules)).toEqual(expected)
  })

  it("of modules that are learned whole end with the word, whatever stands before it", () => {
    const saved = (ending: string) => MODULES.filter(({ name }) => isSaved({ modulesToSave: [ending] }, name)).length
    expect(["norm", "lm_head", "model.layers.0", "proj", "laye"].map(saved)).toEqual([1, 1, 3, 4, 0])
  })

  it("take the first pattern that fits an end of whole words", () => {
    const patterns = { "self_attn.q_proj": 4, q_proj: 8, "^visual.*": 2 }
    expect(patternValue(patterns, "model.layers.0.self_attn.q_proj", 1)).toBe(4)
    expect(patternValue({ "proj|q_proj": 3 }, "a.q_proj", 1)).toBe(3)
    expect(patternValue({ roj: 3 }, "a.q_proj", 1)).toBe(1)
    expect(patternValue(patterns, "visual.proj", 1)).toBe(2)
  })

  it("end a pattern that would take for ever", () => {
    expect(() => isNamed("(.*)*(.*)*(.*)*x", "a".repeat(40))).toThrow(/takes for ever/)
  })
})
