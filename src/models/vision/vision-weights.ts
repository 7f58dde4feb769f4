/** Canonical names of what stands before a language model that sees: those of the authors' trained checkpoints. */

export const VISION_WEIGHTS = {
  tower: "model.vision_tower.vision_tower",
  connector: "model.mm_projector",
  /** One vector behind each row of features, and behind the features of a single tile. */
  newline: "model.image_newline",
} as const
