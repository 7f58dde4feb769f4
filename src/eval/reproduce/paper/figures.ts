/** Figures 4 and 5, whose numbers the text does not have: what they say. */

export interface PaperFigure {
  name: "figure4" | "figure5"
  title: string
  text: string
}

export const figure4: PaperFigure = {
  name: "figure4",
  title: "Figure 4: denoising steps",
  text: "The paper (DetailCaps, static remasking): at the same parallelism DiffusionVL-7B is nearer to the captions than LLaDA-V-8B by BERTScore, and faster; with more steps its captions get better and its speed lower. It prints no numbers.",
}

export const figure5: PaperFigure = {
  name: "figure5",
  title: "Figure 5: thresholds of dynamic remasking",
  text: "The paper (DetailCaps, dynamic remasking, 8 steps): with smaller thresholds DiffusionVL-7B is faster, and its captions get worse by BERTScore to a certain degree. It prints no numbers.",
}
