/** What an executor counts: plain numbers, since it was made. */

export interface KeptStatistics {
  /** Bytes that are kept now, and at most. */
  bytes: number
  limit: number
  /** How often something was let go of to make room. */
  evictions: number
}

export interface ExecutorStatistics {
  prefixes: KeptStatistics & {
    /** Requests whose beginning could have been known, and those of which some was. */
    requests: number
    hits: number
    /** Tokens at the beginning of these requests, and those of them that were not computed again. */
    tokens: number
    cachedTokens: number
  }
  pictures: KeptStatistics & {
    /** Pictures that were shown, and those whose features were not computed again. */
    asked: number
    reused: number
    /** Of these, those that were not even decoded and resized again: the file was the same. */
    recalled: number
  }
  running: {
    sequences: number
    /** Their caches, embedded prompts and kept logits. */
    bytes: number
  }
}
