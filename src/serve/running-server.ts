/** A server that runs, as its program sees it. */

export interface RunningServer {
  /** Where it is asked, such as http://127.0.0.1:8080. */
  readonly url: string
  /** When all models are loaded, or cannot be; requests before are told to come again. */
  readonly ready: Promise<void>
  /** Of the process that computes, while there is one. */
  readonly enginePid: number | undefined
  /** Answers under way and requests that wait. */
  readonly counts: { running: number; waiting: number; requests: number }
  /** Takes no more requests, finishes answers within the grace time, ends streams cleanly, and then all of it. */
  close(): Promise<void>
}
