/** Which documents of a task are asked: the first so many, and of these every n-th. */

import { UserError } from "../../errors.js"

/** The i-th of n parts of a run, from 1. */
export interface Shard {
  index: number
  count: number
}

/** What `limit` means: below 1 a part of the documents, rounded up, else so many. */
export const limitOf = (documents: number, limit: number): number =>
  limit < 1 ? Math.ceil(limit * documents) : Math.trunc(limit)

/** Documents that `limit` leaves. */
export const firstDocuments = (documents: number, limit: number | undefined): number =>
  limit === undefined ? documents : Math.min(documents, limitOf(documents, limit))

export const isIn = (index: number, shard: Shard | undefined): boolean =>
  shard === undefined || index % shard.count === shard.index - 1

/** The documents of a shard among the first so many, in order. */
export function selected(first: number, shard: Shard | undefined): number[] {
  const all = Array.from({ length: first }, (_, index) => index)
  return shard ? all.filter((index) => isIn(index, shard)) : all
}

/** `2/4` @throws UserError for what is no part of a whole */
export function parseShard(text: string): Shard {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text.trim()) ?? []
  const shard = { index: Number(index), count: Number(count) }
  if (shard.index >= 1 && shard.index <= shard.count && shard.count <= 10_000) return shard
  throw new UserError(`${text} is no part of a run`, { fix: "write i/n, such as 1/4 for the first of four" })
}
