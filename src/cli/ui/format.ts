/** Quantities as people read them: durations, bytes, counts, rates. */

export { formatDuration } from "../../readable.js"

/** Bytes in powers of 1000, as disks and downloads are labelled: "16.2 MB". */
export function formatBytes(bytes: number): string {
  return `${scaled(bytes, ["B", "kB", "MB", "GB", "TB"])}`
}

/** Large counts: "980", "12.3 k", "1.65 M", "3.1 G". */
export function formatCount(count: number): string {
  return scaled(count, ["", "k", "M", "G", "T"]).trimEnd()
}

function scaled(value: number, units: string[]): string {
  let unit = 0
  let rest = value
  while (Math.abs(rest) >= 999.5 && unit < units.length - 1) {
    rest /= 1000
    unit += 1
  }
  if (unit === 0) return `${Number.isInteger(rest) ? rest : Number(rest.toPrecision(3))} ${units[0]}`
  return `${rest >= 100 ? Math.round(rest) : Number(rest.toPrecision(3))} ${units[unit]}`
}
