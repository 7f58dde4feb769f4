/** The pictures of a model, whatever its family. */

import type { ModelConfig } from "../../checkpoint/config.js"
import { UserError } from "../../errors.js"
import type { ImageProcessor, PixelLimits } from "../architecture.js"
import { architectureOf } from "../registry.js"

/**
 * How a model's pictures are prepared, or undefined when it reads text only.
 * @param folder of the model, where its image settings are
 * @param limits instead of those of the configuration
 * @throws UserError naming file and key for a setting that cannot be right
 */
export function imageProcessorOf(
  config: ModelConfig,
  folder?: string,
  limits: Partial<PixelLimits> = {},
): ImageProcessor | undefined {
  return architectureOf(config).images?.(config, folder, limits)
}

/** @throws UserError for a model that reads text only */
export function requireImages(images: ImageProcessor | undefined): ImageProcessor {
  if (images) return images
  throw new UserError("the model reads text only: it cannot see pictures", {
    fix: "leave the pictures out, or use a vision-language model",
  })
}
