import { type Cell, title, visible } from "../answer/timeline.js"

/** Tokens of a block under way. How sure the model is shows as shade, as a bar below, and in words. */
export function Cells({ cells }: { cells: readonly Cell[] }) {
  return (
    <span class="cells">
      {cells.map((cell, i) => (
        // A cell is its place.
        <span key={i} class={kind(cell)} title={title(cell)} style={{ "--sure": cell.confidence ?? 0 }}>
          {cell.text === null ? <Masked /> : visible(cell.text) || "∎"}
        </span>
      ))}
    </span>
  )
}

const kind = ({ fixed, text }: Cell): string => (fixed ? "cell fixed" : text === null ? "cell masked" : "cell")

function Masked() {
  return (
    <>
      <span aria-hidden="true">▒▒</span>
      <span class="unseen">masked </span>
    </>
  )
}
