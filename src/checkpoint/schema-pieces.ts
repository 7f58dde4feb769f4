/**
 * Numbers of configuration files as zod schemas. The limits are far beyond every known model: they keep out numbers that
 * cannot be meant before anything of their size is made.
 */
import { z } from "zod"

export const upTo = (maximum: number) => z.int().min(1).max(maximum)
export const size = upTo(1 << 24)
export const layers = upTo(1024)
export const heads = upTo(4096)
export const token = z.int().min(0).max(Number.MAX_SAFE_INTEGER).nullish()
/** One id or several. */
export const tokens = z.union([z.int().min(0), z.array(z.int().min(0)).min(1).max(1024)])
/** Rotary frequencies are powers of its inverse, in float32. */
export const theta = z.number().min(1).max(1e15)
/** Added to a mean square: larger ones drown the values, smaller ones are 0 in float32. */
export const normEps = z.number().min(1e-20).max(0.1)
