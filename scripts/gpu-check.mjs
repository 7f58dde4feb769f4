// Checks of the engine on a CUDA device against the CPU. Where there is none it says so and succeeds: npm run gpu-check

const { chooseDevice, cudaDevices, backward, noGrad, tidy } = await import("../dist/torch/index.js")
const { newModel } = await import("../dist/models/registry.js")
const { configOf } = await import("../dist/bench/shapes.js")
const { decodeBlocks } = await import("../dist/paradigms/block-diffusion/decoder.js")
const { decodeAutoregressive } = await import("../dist/paradigms/autoregressive/decoder.js")
const { blockDiffusionObjective } = await import("../dist/paradigms/block-diffusion/objective.js")
const { randomFrom } = await import("../dist/data/prng.js")

if (cudaDevices() === 0) {
  console.log("gpu-check: skipped, there is no CUDA device")
  process.exit(0)
}

const config = configOf("tiny")
const maskToken = config.text.vocabSize - 1
const devices = ["cpu", chooseDevice("cuda")]
const ids = Int32Array.from({ length: 61 }, (_, i) => (i * i * 7 + 3) % (maskToken - 1))
const modelOn = (device, trainable = false) => newModel(config, 3, { std: 0.15, embeddingStd: 1, device, trainable })

async function answer(device, decode, options) {
  const model = modelOn(device)
  for await (const event of decode(model, { ids }, { eos: [], genLength: 40, ...options }))
    if (event.type === "done") return [...event.ids]
}

function trainingStep(device) {
  const model = modelOn(device, true)
  const labels = ids.map((id, i) => (i < 30 ? -100 : id))
  const batch = { samples: [{ ids, labels, images: [], imageIndices: [], where: "check" }], images: [] }
  const { loss } = blockDiffusionObjective(
    model,
    batch,
    { blockSize: 8, maskToken, schedule: "uniform" },
    randomFrom(5),
  )
  backward(loss)
  const norms = [...model.parameters().values()].map((p) =>
    p.grad ? noGrad(() => tidy(() => p.grad.pow(2).sum().item())) : 0,
  )
  return [loss.item(), ...norms]
}

let failed = 0
function check(name, [expected, found], equal) {
  const worst = expected.findIndex((value, i) => !equal(value, found[i]))
  if (worst >= 0) failed++
  console.log(
    `${worst < 0 ? "passed" : "FAILED"}  ${name}${worst < 0 ? "" : `: ${found[worst]}, not ${expected[worst]}`}`,
  )
}

const both = async (run) => [await run(devices[0]), await run(devices[1])]
const same = (a, b) => a === b
for (const steps of [8, 2])
  check(
    `block decoding, ${steps} steps`,
    await both((d) => answer(d, decodeBlocks, { maskToken, blockSize: 8, steps })),
    same,
  )
check("autoregressive decoding", await both((d) => answer(d, decodeAutoregressive, {})), same)
check(
  "loss and gradients of a training step",
  await both(trainingStep),
  (a, b) => Math.abs(a - b) <= 2e-3 * Math.abs(a) + 1e-7,
)
console.log(`gpu-check: ${4 - failed} passed, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)
