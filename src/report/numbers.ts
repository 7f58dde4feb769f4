/** Numbers as reports write them. */

/** A share, in percent: "82.9". */
export const percent = (share: number): string => (100 * share).toFixed(1)

/** A share with its standard error, in percent: "82.9 ± 2.4". */
export const percentWithin = (share: number, error: number): string => `${percent(share)}\u00a0±\u00a0${percent(error)}`

/** How far one share is above another, in points: "+1.3 ± 3.4 points". */
export function pointsBetween(share: number, other: number, error: number): string {
  const points = 100 * (share - other)
  return `${points >= 0 ? "+" : "−"}${Math.abs(points).toFixed(1)}\u00a0±\u00a0${percent(error)}\u00a0points`
}

/** "−1.871" */
export const fixed = (value: number, digits: number): string => value.toFixed(digits).replace("-", "−")

/** "1,354.4" */
export const grouped = (value: number, digits: number): string =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })

/** "12,345" */
export const whole = (count: number): string => Math.round(count).toLocaleString("en")
