/** Figures 4 and 5, whose numbers the text does not have: what they say. */

/** What the text says of curves, as something that points can be looked at for. */
export type FigureClaim =
  /** Of two models, the first against the second, at the same setting. */
  | { text: string; between: "models"; measure: "score" | "speed" }
  /** Of the first model, its first setting against its last. */
  | { text: string; between: "settings"; measure: "score" | "speed"; more: "first" | "last" }

export interface PaperFigure {
  name: "figure4" | "figure5"
  title: string
  text: string
  /** As they are called on the hub. */
  models: readonly { title: string; hub: string }[]
  claims: readonly FigureClaim[]
}

const diffusionVl = { title: "DiffusionVL-7B", hub: "hustvl/DiffusionVL-Qwen2.5VL-7B" }
const lladaV = { title: "LLaDA-V-8B", hub: "GSAI-ML/LLaDA-V" }

export const figure4: PaperFigure = {
  name: "figure4",
  title: "Figure 4: denoising steps",
  text: "The paper (DetailCaps, static remasking): at the same parallelism DiffusionVL-7B is nearer to the captions than LLaDA-V-8B by BERTScore, and faster; with more steps its captions get better and its speed lower. It prints no numbers. LLaDA-V keeps what lies before a block for 32 steps.",
  models: [diffusionVl, lladaV],
  claims: [
    {
      ...{ text: "At the same parallelism DiffusionVL has a better BERTScore than LLaDA-V" },
      ...{ between: "models", measure: "score" },
    },
    { text: "and it is faster", between: "models", measure: "speed" },
    { text: "With more steps its BERTScore is better", between: "settings", measure: "score", more: "first" },
    { text: "and its speed is lower", between: "settings", measure: "speed", more: "last" },
  ],
}

export const figure5: PaperFigure = {
  name: "figure5",
  title: "Figure 5: thresholds of dynamic remasking",
  text: "The paper (DetailCaps, dynamic remasking, 8 steps): with smaller thresholds DiffusionVL-7B is faster, and its captions get worse by BERTScore to a certain degree. It prints no numbers.",
  models: [diffusionVl],
  claims: [
    { text: "With smaller thresholds it is faster", between: "settings", measure: "speed", more: "last" },
    { text: "and its BERTScore is lower", between: "settings", measure: "score", more: "first" },
  ],
}
