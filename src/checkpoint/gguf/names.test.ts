/** Names, and rows put back where llama.cpp's converter took them from. */
import { describe, expect, it } from "vitest"
import { isAuxiliary, permutedHeads, toHuggingFaceName, unpermutedRows } from "./names.js"

describe("names", () => {
  it.each([
    ["token_embd.weight", "model.embed_tokens.weight"],
    ["output_norm.weight", "model.norm.weight"],
    ["output.weight", "lm_head.weight"],
    ["blk.0.attn_norm.weight", "model.layers.0.input_layernorm.weight"],
    ["blk.12.attn_q.weight", "model.layers.12.self_attn.q_proj.weight"],
    ["blk.12.attn_k.bias", "model.layers.12.self_attn.k_proj.bias"],
    ["blk.1.attn_v.weight", "model.layers.1.self_attn.v_proj.weight"],
    ["blk.1.attn_output.weight", "model.layers.1.self_attn.o_proj.weight"],
    ["blk.1.attn_q_norm.weight", "model.layers.1.self_attn.q_norm.weight"],
    ["blk.1.attn_k_norm.weight", "model.layers.1.self_attn.k_norm.weight"],
    ["blk.1.ffn_norm.weight", "model.layers.1.post_attention_layernorm.weight"],
    ["blk.1.ffn_gate.weight", "model.layers.1.mlp.gate_proj.weight"],
    ["blk.1.ffn_up.weight", "model.layers.1.mlp.up_proj.weight"],
    ["blk.1.ffn_down.weight", "model.layers.1.mlp.down_proj.weight"],
  ])("%s is %s", (gguf, huggingFace) => {
    expect(toHuggingFaceName(gguf)).toBe(huggingFace)
  })

  it.each([
    "blk.0.token_embd.weight",
    "attn_q.weight",
    "blk.0.attn_q.scale",
    "blk.x.attn_q.weight",
    "blk.0.ssm_in.weight",
    "",
  ])("%j has no place", (name) => expect(toHuggingFaceName(name)).toBeUndefined())

  it("tells tensors that are no weights", () => {
    expect(["rope_freqs.weight", "blk.3.attn_rot_embd.weight", "output.weight"].map(isAuxiliary)).toEqual([
      true,
      true,
      false,
    ])
  })
})

describe("rows", () => {
  /** The converter: the halves of a head become pairs of neighbours. */
  function permuted(heads: number, width: number): number[] {
    const rows: number[] = []
    for (let head = 0; head < heads; head++)
      for (let j = 0; j < width / 2; j++) rows.push(head * width + j, head * width + width / 2 + j)
    return rows
  }

  it.each([
    [1, 2],
    [3, 8],
    [4, 64],
  ])("of %d heads of %d go back", (heads, width) => {
    const stored = permuted(heads, width)
    expect(Array.from(unpermutedRows(heads, width), (row) => stored[row])).toEqual(stored.map((_, i) => i))
  })

  it("differ for queries and keys of Llama and SmolLM3 only", () => {
    const heads = { heads: 4, keyValueHeads: 2 }
    const count = (architecture: string, name: string) => permutedHeads(architecture, name, heads)
    expect(count("llama", "blk.0.attn_q.weight")).toBe(4)
    expect(count("llama", "blk.0.attn_k.bias")).toBe(2)
    expect(count("smollm3", "blk.0.attn_k.weight")).toBe(2)
    for (const name of ["blk.0.attn_v.weight", "blk.0.attn_output.weight", "blk.0.attn_q_norm.weight"])
      expect(count("llama", name), name).toBeUndefined()
    expect(count("qwen2", "blk.0.attn_q.weight")).toBeUndefined()
    expect(count("qwen3", "blk.0.attn_k.weight")).toBeUndefined()
  })
})
