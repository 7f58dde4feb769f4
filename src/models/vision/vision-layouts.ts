/** Names of towers and connectors on disk ↔ canonical ones, for the layouts of the families around them. */

import { kept, type RenameRule } from "../../checkpoint/layout.js"
import type { ConnectorConfig } from "../connectors/connector.js"
import { connectorFamilyOf } from "../connectors/registry.js"
import { VISION_WEIGHTS } from "./vision-weights.js"

const { tower, connector, newline } = VISION_WEIGHTS

/** DVL-Qwen, LLaVA-Qwen and LLaDA-V as the authors save them, and their stage-1 projector, with or without its prefix. */
export const authorsVisionRules: readonly RenameRule[] = [
  ...kept(`${tower}.*`, `${connector}.*`, newline),
  { stored: "mm_projector.*", canonical: `${connector}.*`, readOnly: true },
  { stored: "image_newline", canonical: newline, readOnly: true },
]

/**
 * LLaVA-1.5 and LLaVA-OneVision.
 * @param written level above: none on disk; "model." in transformers' modules, and on disk from its newer releases
 */
export const llavaVisionRules = (written: "" | "model.", config: ConnectorConfig): RenameRule[] => {
  const names = connectorFamilyOf(config).rules?.(config) ?? [{ stored: "*", canonical: "*" }]
  return ["", "model."].flatMap((level) =>
    [
      { stored: `${level}vision_tower.*`, canonical: `${tower}.*` },
      ...names.map(({ stored, canonical }) => ({
        stored: `${level}multi_modal_projector.${stored}`,
        canonical: `${connector}.${canonical}`,
      })),
      { stored: `${level}image_newline`, canonical: newline },
    ].map((rule) => (level === written ? rule : { ...rule, readOnly: true })),
  )
}

/** Idefics3 and SmolVLM. */
export const idefics3VisionRules: readonly RenameRule[] = [
  { stored: "model.vision_model.*", canonical: `${tower}.vision_model.*` },
  { stored: "model.connector.modality_projection.proj.*", canonical: `${connector}.proj.*` },
]

/** Qwen3-VL, and as it is saved without the level above. */
export const qwen3VisionRules: readonly RenameRule[] = ["model.", ""].flatMap((level) =>
  [
    { stored: `${level}visual.merger.*`, canonical: `${connector}.merger.*` },
    { stored: `${level}visual.deepstack_merger_list.*`, canonical: `${connector}.deepstack_merger_list.*` },
    { stored: `${level}visual.*`, canonical: `${tower}.*` },
  ].map((rule) => (level !== "" ? rule : { ...rule, readOnly: true })),
)
