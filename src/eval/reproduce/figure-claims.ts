/** What the paper says of a figure, looked for in the points that were measured here. */

import type { TableInput } from "../ablate/report.js"
import { scoreText } from "../results/printed.js"
import type { FigureClaim, PaperFigure } from "./paper/figures.js"

export interface ClaimHere {
  /** Of the paper. */
  text: string
  /** Undefined where it was not measured. */
  holds?: boolean
  /** The numbers that say so. */
  here: string
}

type Results = TableInput["results"]
type Point = Results[number]

/** Differences are looked at as they stand: mind the standard errors beside them. */
export const claimsHere = ({ claims }: Pick<PaperFigure, "claims">, results: Results): ClaimHere[] =>
  claims.map((claim) => (claim.between === "models" ? betweenModels(claim, results) : betweenSettings(claim, results)))

const NOT_MEASURED = "not measured"

function betweenModels({ text, measure }: FigureClaim, results: Results): ClaimHere {
  const [first, second] = curvesOf(results)
  const names = [first, second].map((curve) => curve?.[0].variant.curve).join(" against ")
  const pairs = (first ?? []).flatMap((point): [Point, Point][] => {
    const other = second?.find(({ variant }) => variant.label === point.variant.label)
    return other ? [[point, other]] : []
  })
  const known = pairs.filter((pair) => pair.every((point) => numberOf(point, measure) !== undefined))
  if (known.length === 0) return { text, here: NOT_MEASURED }
  return {
    text,
    holds: known.every(([a, b]) => numberOf(a, measure)! > numberOf(b, measure)!),
    here: `${names}: ${known.map(([a, b]) => `${a.variant.label} ${shownOf(a, measure)} against ${shownOf(b, measure)}`).join("; ")}`,
  }
}

function betweenSettings(claim: Extract<FigureClaim, { between: "settings" }>, results: Results): ClaimHere {
  const { text, measure, more } = claim
  const [curve = []] = curvesOf(results)
  const [first, last] = [curve[0], curve.at(-1)]
  const values = curve.length < 2 ? [] : [first, last!].map((point) => numberOf(point, measure))
  const [a, b] = values
  if (a === undefined || b === undefined) return { text, here: NOT_MEASURED }
  return {
    text,
    holds: more === "first" ? a > b : b > a,
    here: `${first.variant.curve}: ${curve.map((point) => `${point.variant.label} ${shownOf(point, measure)}`).join("; ")}`,
  }
}

/** Points of each model, in the order in which they were measured. */
function curvesOf(results: Results): Point[][] {
  const names = [...new Set(results.map(({ variant }) => variant.curve))]
  return names.map((name) => results.filter(({ variant }) => variant.curve === name))
}

const scoreOf = ({ measured }: Point) => Object.values(measured.scores)[0]

function numberOf(point: Point, measure: FigureClaim["measure"]): number | undefined {
  return measure === "speed" ? point.measured.tokensPerSecond : (scoreOf(point)?.value ?? undefined)
}

function shownOf(point: Point, measure: FigureClaim["measure"]): string {
  if (measure === "speed") return `${point.measured.tokensPerSecond.toFixed(1)} tokens/s`
  const score = scoreOf(point)!
  const error = score.standardError === undefined ? "" : ` ± ${scoreText(score.standardError, score)}`
  return `${scoreText(score.value!, score)}${error}`
}
