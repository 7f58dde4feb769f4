/** Bytes of GGUF files for tests, right or wrong: nothing is checked. */

/** A value with the type that stands before it in the file. */
export type Typed =
  | readonly ["u8" | "i8" | "u16" | "i16" | "u32" | "i32" | "f32" | "f64", number]
  | readonly ["u64" | "i64", bigint]
  | readonly ["bool", boolean]
  | readonly ["string", string]
  | readonly ["list", TypeName, readonly Typed[]]
type TypeName = keyof typeof TYPE_NUMBERS

export const TYPE_NUMBERS = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  string: 8,
  list: 9,
  u64: 10,
  i64: 11,
  f64: 12,
}

export interface TensorPart {
  name: string
  /** Number of its type in the file. */
  type: number
  /** Rows first. */
  shape: readonly (number | bigint)[]
  data: Uint8Array
  /** From the start of the data, where it is not behind the tensor before. */
  offset?: bigint
}

export interface GgufParts {
  version?: number
  alignment?: number
  metadata: Readonly<Record<string, Typed>>
  tensors: readonly TensorPart[]
  /** What the header says of their number, where it is not the truth. */
  tensorCount?: bigint
  metadataCount?: bigint
}

const number = (bytes: number, write: (view: DataView) => void): Buffer => {
  const buffer = Buffer.alloc(bytes)
  write(new DataView(buffer.buffer, buffer.byteOffset))
  return buffer
}
export const u32 = (value: number): Buffer => number(4, (view) => view.setUint32(0, value, true))
export const u64 = (value: bigint | number): Buffer => number(8, (view) => view.setBigUint64(0, BigInt(value), true))
export const text = (value: string): Buffer => {
  const bytes = Buffer.from(value)
  return Buffer.concat([u64(bytes.length), bytes])
}

function plain(typed: Typed): Buffer {
  const [type, value] = typed
  if (type === "list")
    return Buffer.concat([u32(TYPE_NUMBERS[typed[1]]), u64(typed[2].length), ...typed[2].map((item) => plain(item))])
  switch (type) {
    case "string":
      return text(value)
    case "bool":
      return Buffer.from([Number(value)])
    case "u64":
      return u64(value)
    case "i64":
      return number(8, (view) => view.setBigInt64(0, value, true))
    case "u8":
      return number(1, (view) => view.setUint8(0, value))
    case "i8":
      return number(1, (view) => view.setInt8(0, value))
    case "u16":
      return number(2, (view) => view.setUint16(0, value, true))
    case "i16":
      return number(2, (view) => view.setInt16(0, value, true))
    case "u32":
      return u32(value)
    case "i32":
      return number(4, (view) => view.setInt32(0, value, true))
    case "f32":
      return number(4, (view) => view.setFloat32(0, value, true))
    default:
      return number(8, (view) => view.setFloat64(0, value, true))
  }
}

const padded = (length: number, alignment: number): number => Math.ceil(length / alignment) * alignment

export function ggufBytes(parts: GgufParts): Buffer {
  const { version = 3, alignment = 32, metadata, tensors } = parts
  const entries = Object.entries(metadata)
  const header: Uint8Array[] = [
    Buffer.from("GGUF"),
    u32(version),
    u64(parts.tensorCount ?? tensors.length),
    u64(parts.metadataCount ?? entries.length),
  ]
  for (const [key, value] of entries) header.push(text(key), u32(TYPE_NUMBERS[value[0]]), plain(value))
  const data: Uint8Array[] = []
  let end = 0
  for (const tensor of tensors) {
    const dimensions = tensor.shape.toReversed().map(u64)
    header.push(text(tensor.name), u32(dimensions.length), ...dimensions, u32(tensor.type), u64(tensor.offset ?? end))
    data.push(tensor.data, Buffer.alloc(padded(tensor.data.length, alignment) - tensor.data.length))
    end += padded(tensor.data.length, alignment)
  }
  const length = header.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([...header, Buffer.alloc(padded(length, alignment) - length), ...data])
}

/** A tensor of float32 numbers. */
export function floats(name: string, shape: readonly number[], values?: ArrayLike<number>): TensorPart {
  const count = shape.reduce((product, size) => product * size, 1)
  const numbers = values ? Float32Array.from(values) : new Float32Array(count)
  return { name, type: 0, shape, data: new Uint8Array(numbers.buffer) }
}

export const texts = (values: readonly string[]): Typed => [
  "list",
  "string",
  values.map((value) => ["string", value] as const),
]
export const numbers = (type: "i32" | "f32", values: readonly number[]): Typed => [
  "list",
  type,
  values.map((value) => [type, value] as const),
]

/** A model of one layer without any size that matters: metadata and tensors, to be changed. */
export function tinyGguf(architecture: string, { heads = 2, keyValueHeads = 1, width = 4 } = {}): GgufParts {
  const hidden = 8
  const inner = 16
  const vocabulary = 6
  return {
    metadata: {
      "general.architecture": ["string", architecture],
      [`${architecture}.context_length`]: ["u32", 128],
      [`${architecture}.embedding_length`]: ["u32", hidden],
      [`${architecture}.block_count`]: ["u32", 1],
      [`${architecture}.feed_forward_length`]: ["u32", inner],
      [`${architecture}.attention.head_count`]: ["u32", heads],
      [`${architecture}.attention.head_count_kv`]: ["u32", keyValueHeads],
      [`${architecture}.attention.layer_norm_rms_epsilon`]: ["f32", 1e-6],
      [`${architecture}.rope.freq_base`]: ["f32", 1e6],
      "tokenizer.ggml.model": ["string", "gpt2"],
      "tokenizer.ggml.pre": ["string", "qwen2"],
      "tokenizer.ggml.tokens": texts(["a", "b", "c", "ab", "<|end|>", "<think>"]),
      "tokenizer.ggml.token_type": numbers("i32", [1, 1, 1, 1, 3, 4]),
      "tokenizer.ggml.merges": texts(["a b"]),
      "tokenizer.ggml.eos_token_id": ["u32", 4],
    },
    tensors: [
      floats("token_embd.weight", [vocabulary, hidden]),
      floats("blk.0.attn_norm.weight", [hidden]),
      floats("blk.0.attn_q.weight", [heads * width, hidden]),
      floats("blk.0.attn_k.weight", [keyValueHeads * width, hidden]),
      floats("blk.0.attn_v.weight", [keyValueHeads * width, hidden]),
      floats("blk.0.attn_output.weight", [hidden, heads * width]),
      floats("blk.0.ffn_norm.weight", [hidden]),
      floats("blk.0.ffn_gate.weight", [inner, hidden]),
      floats("blk.0.ffn_up.weight", [inner, hidden]),
      floats("blk.0.ffn_down.weight", [hidden, inner]),
      floats("output_norm.weight", [hidden]),
    ],
  }
}
