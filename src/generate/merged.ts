/** Several asynchronous generators as one: what each yields as soon as it does, so many of them running at a time. */

export type Merged<T> = { index: number; value: T } | { index: number; error: unknown }

interface Running<T> {
  iterator: AsyncGenerator<T, void, undefined>
  next: Promise<{ index: number; result: IteratorResult<T, void> } | { index: number; error: unknown }>
}

/**
 * One that throws ends by itself: the others go on. Whoever stops listening stops them all.
 * @param start makes the generator of an index, below `count`
 * @param concurrent how many run at a time
 */
export async function* merged<T>(
  count: number,
  concurrent: number,
  start: (index: number) => AsyncGenerator<T, void, undefined>,
): AsyncGenerator<Merged<T>, void, undefined> {
  const running = new Map<number, Running<T>>()
  const pull = (index: number, iterator: Running<T>["iterator"]): void => {
    const next = iterator.next().then(
      (result) => ({ index, result }),
      (error: unknown) => ({ index, error }),
    )
    running.set(index, { iterator, next })
  }
  let begun = 0
  const begin = (): void => pull(begun, start(begun++))
  try {
    while (begun < count || running.size > 0) {
      while (begun < count && running.size < concurrent) begin()
      const first = await Promise.race([...running.values()].map(({ next }) => next))
      const { index } = first
      const { iterator } = running.get(index)!
      running.delete(index)
      if ("error" in first) yield first
      else if (!first.result.done) {
        // Asked again before its value is given out: nobody waits for a listener but its own next value.
        pull(index, iterator)
        yield { index, value: first.result.value }
      }
    }
  } finally {
    await Promise.all([...running.values()].map(({ iterator }) => iterator.return()))
  }
}
