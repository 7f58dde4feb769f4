/** Which of the known names a misspelt one may mean. */

/** learningRate, learning-rate and Learning_Rate are the same. */
export const plainName = (key: string): string => key.toLowerCase().replace(/[-_ ]/g, "")

/** The known name that a misspelt one may mean. */
export function nearest(key: string, known: readonly string[]): string | undefined {
  const most = Math.max(1, Math.floor(plainName(key).length / 4))
  const [found] = known
    .map((name) => ({ name, slips: slipsBetween(plainName(key), plainName(name)) }))
    .filter(({ slips }) => slips <= most)
    .sort((a, b) => a.slips - b.slips)
  return found?.name
}

/** Letters that were put in, left out, taken for others, or exchanged with the next one. */
function slipsBetween(a: string, b: string): number {
  // Longer ones are not slips, and would take long.
  if (Math.abs(a.length - b.length) > 8 || a.length > 64) return Number.POSITIVE_INFINITY
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    rows.push([i])
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      const exchanged =
        a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? rows[i - 2][j - 2] + 1 : Number.POSITIVE_INFINITY
      rows[i].push(Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + same, exchanged))
    }
  }
  return rows[a.length][b.length]
}
