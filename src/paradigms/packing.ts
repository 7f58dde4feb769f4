/** Short samples of one batch laid side by side, so that little of what is computed is padding. Knows no tensors. */

/**
 * Which items share a row of a batch: first-fit, longest first.
 * @param lengths of the items, none above `capacity`
 * @returns indices of the items in each row
 */
export function firstFit(lengths: readonly number[], capacity: number): number[][] {
  const rows: { items: number[]; free: number }[] = []
  const longestFirst = [...lengths.keys()].sort((a, b) => lengths[b] - lengths[a] || a - b)
  for (const item of longestFirst) {
    let row = rows.find(({ free }) => free >= lengths[item])
    if (!row) {
      row = { items: [], free: capacity }
      rows.push(row)
    }
    row.items.push(item)
    row.free -= lengths[item]
  }
  return rows.map(({ items }) => items)
}
