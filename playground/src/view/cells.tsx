import { type Cell, title, visible } from "../answer/timeline.js"

/** Tokens of a block under way. How sure the model is shows as shade, as a bar below, and in words. */
export function Cells({ cells }: { cells: readonly Cell[] }) {
  // A cell is its place.
  return cells.map((cell, i) => <CellView key={i} cell={cell} />)
}

/** The blank that a token begins with stands outside: it is where a line may break. */
function CellView({ cell }: { cell: Cell }) {
  const [, blank, text] = /^( ?)(.*)$/s.exec(cell.text ?? "") as RegExpExecArray
  return (
    <>
      {text && blank}
      <span class={kind(cell)} title={title(cell)} style={{ "--sure": cell.confidence ?? 0 }}>
        {cell.text === null ? <Masked /> : visible(text) || (blank ? "·" : "∎")}
      </span>
    </>
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

/** What the looks of a cell mean. */
export function Legend() {
  const cells: [Cell, string][] = [
    [{ text: null, confidence: null, fixed: false }, "masked"],
    [{ text: "word", confidence: 0.3, fixed: false }, "a candidate"],
    [{ text: "word", confidence: 0.9, fixed: true }, "settled"],
  ]
  return (
    <p class="hint legend">
      {cells.map(([cell, words]) => (
        <span key={words}>
          <span aria-hidden="true">
            <CellView cell={cell} />
          </span>{" "}
          {words}
        </span>
      ))}
      <span>The bar and the shade tell how sure the model is.</span>
    </p>
  )
}
