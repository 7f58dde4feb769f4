/**
 * Waits for something that goes on whether it is waited for or not.
 * @throws the reason of `signal` as soon as it is aborted
 */
export async function untilAborted(promise: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted()
  let onAbort = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal?.reason)
    signal?.addEventListener("abort", onAbort, { once: true })
  })
  try {
    await Promise.race([promise, aborted])
  } finally {
    signal?.removeEventListener("abort", onAbort)
  }
}
