/** Calls every aten overload with wrong and random arguments on the meta device. A crash ends this process: the test sees it. */

// Plain JavaScript over the build: it runs as a process of its own.
const dist = process.argv[2]
const { Operator, empty } = await import(`${dist}/torch/index.js`)
const { addon } = await import(`${dist}/torch/native.js`)

let state = 12345
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state / 2 ** 32
}
const pick = (list) => list[Math.floor(random() * list.length)]

/** These compute on, or wait for, things outside: files, other processes, devices, debuggers; or end the process by design. */
const SKIP =
  /from_file|_c10d|record_function|profiler|_print|_assert_async|_functional_assert|_assert_tensor|sym_constrain|set_data|set_\b|set_\.|resize|_cuda_|cudnn|miopen|mkldnn_rnn|_test_|_dim_arange|storage|_nested|sparse|quantize|fbgemm|fused_moving|_fw_primal|_make_dual|_lazy|_sym|^aten::_thnn_differentiable_lstm_cell_backward$/

const tensors = [
  () => empty([2, 3], { device: "meta" }),
  () => empty([2, 3, 4, 4], { device: "meta" }),
  () => empty([], { device: "meta" }),
  () => empty([3], { device: "meta", dtype: "int64" }),
  () => empty([0, 3], { device: "meta" }),
]
const values = [
  () => 0,
  () => 1,
  () => -1,
  () => 2.5,
  () => 2 ** 40,
  () => Number.NaN,
  () => true,
  () => null,
  () => undefined,
  () => "mean",
  () => "cpu",
  () => [1, 2],
  () => [],
  () => [-1],
  () => [true, false],
  () => [0.5],
  () => [pick(tensors)(), pick(tensors)()],
  () => [null, pick(tensors)()],
  () => 5n,
]

const schemas = addon()
  .overloads()
  .split("\n")
  .filter((line) => line.startsWith("aten::"))
let calls = 0
let worked = 0
for (const schema of schemas) {
  const name = schema.slice(0, schema.indexOf("("))
  if (SKIP.test(name)) continue
  const depth = schema.slice(schema.indexOf("(") + 1, schema.lastIndexOf(") ->"))
  const types = depth === "" ? [] : depth.split(/, (?![^[(]*[\])])/).filter((part) => part !== "*")
  const operator = new Operator(name)
  process.stdout.write(`\n${name}`)
  for (let round = 0; round < 6; round++) {
    const count =
      round === 0
        ? 0
        : round === 1
          ? types.length + 1
          : round === 2
            ? Math.floor(random() * types.length)
            : types.length
    const args = Array.from({ length: count }, (_, i) => {
      const type = types[i] ?? ""
      if (round >= 4 && type.startsWith("Tensor") && !type.includes("[")) return pick(tensors)()
      return random() < 0.4 ? pick(tensors)() : pick(values)()
    })
    // Nothing may compute on real memory: without a meta tensor a factory could ask for petabytes.
    if (round > 2 && !args.some((a) => typeof a === "object" && a !== null && "handle" in a)) continue
    calls++
    try {
      operator.callAll(args)
      worked++
    } catch (error) {
      if (!(error instanceof Error)) throw error
    }
  }
}
process.stdout.write(`\nDONE ${schemas.length} overloads, ${calls} calls, ${worked} worked\n`)
