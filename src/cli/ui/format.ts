/** Quantities as people read them: durations, bytes, counts, rates. */

/** Seconds: "0.4 s", "12 s", "3 min 05 s", "2 h 10 min". */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "?"
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`
  const minutes = Math.round(seconds / 60)
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`
}

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

function pad(value: number): string {
  return String(value).padStart(2, "0")
}
