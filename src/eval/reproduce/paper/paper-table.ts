/** A table of the paper as it is printed, and what each of its numbers is: plain data. */

export interface PaperColumn {
  title: string
  /** Which score of which benchmark it is; none where the paper does not say it clearly enough to be run. */
  score?: { task: string; metric: string }
}

export interface PaperRow {
  /** Models of a kind stand together under a heading. */
  group: string
  model: string
  size?: string
  type: string
  samples?: string
  /** In the order of the columns; "-" where the paper has nothing. */
  cells: readonly string[]
  /** Where rows are block sizes: that of the model. */
  blockSize?: number
  /** What has this name on the hub. */
  hub?: string
}

export interface PaperTable {
  name: string
  title: string
  /** What it is about, in a sentence. */
  text: string
  columns: readonly PaperColumn[]
  /** Decoded with as many steps as a block has tokens; the others in 8. */
  stepPerToken?: boolean
  rows: readonly PaperRow[]
}

/** A row written as it is printed, its cells with bars between. */
export const cells = (line: string): string[] => line.split("|").map((cell) => cell.trim())
