/** Two answers to one question beside each other, in a sentence. */

import type { AnswerCost } from "../protocol/contract.js"

/** How the faster compares with the other; undefined where something is not known of one. */
export function verdict(left: AnswerCost | undefined, right: AnswerCost | undefined): string | undefined {
  const speed = ratio(left?.tokens_per_second, right?.tokens_per_second)
  const passes = ratio(left?.nfe_per_token, right?.nfe_per_token)
  if (speed === undefined || passes === undefined) return undefined
  return speed >= 1 ? sentence("Left", "right", speed, passes) : sentence("Right", "left", 1 / speed, 1 / passes)
}

function sentence(faster: string, other: string, speed: number, passes: number): string {
  return `${faster} is ${short(speed)} times as fast as ${other}, with ${short(passes)} times the forwards per token.`
}

const short = (value: number): string => String(Number(value.toPrecision(2)))

function ratio(a: number | undefined, b: number | undefined): number | undefined {
  return a !== undefined && b !== undefined && a > 0 && b > 0 ? a / b : undefined
}
