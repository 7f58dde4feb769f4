/** What the server says, as its guides describe it (docs/guide/streaming.md): only what this page reads. */

/** How a model decodes unless a request says otherwise; what a paradigm does not have is missing or null. */
export interface DecodingDefaults {
  mode?: string | null
  block_size?: number | null
  steps?: number | null
  threshold?: number | null
  remasking?: string | null
}

/** An entry of `GET v1/models`. */
export interface ServedModel {
  id: string
  diffusion?: {
    /** Null until it is loaded, and so are the defaults. */
    paradigm: string | null
    images: boolean
    default: DecodingDefaults | null
    modes: string[]
    ready: boolean
    /** Why it cannot be loaded. */
    error?: string
    /** Of loading, 0 to 1. */
    progress?: number
  }
}

export interface DraftToken {
  position: number
  /** Best candidate of a masked position; null where none is known. */
  text: string | null
  /** Probability that the model gives it, 0 to 1. */
  confidence: number | null
  /** Final: it does not change any more. */
  fixed: boolean
}

/** The whole block after one denoising step. */
export interface DraftEvent {
  index: number
  block: number
  step: number
  start: number
  end: number
  tokens: DraftToken[]
  forward?: { tokens: number; cached: number }
}

/** Tokens that became final text; of an autoregressive model one at a time. */
export interface CommitEvent {
  index: number
  start: number
  end: number
  text: string
  tokens: Omit<DraftToken, "fixed">[]
}

export interface Usage {
  prompt_tokens: number
  completion_tokens: number
  prompt_tokens_details?: { cached_tokens?: number }
  diffusion?: AnswerCost
}

/** What an answer cost. */
export interface AnswerCost {
  forwards?: number
  nfe_per_token?: number
  tokens_per_second?: number
  milliseconds?: number
  /** A sentence about the answer, such as that the model was not trained for the mode. */
  warning?: string
}

/** One `data:` chunk of a stream. */
export interface Chunk {
  choices?: { delta?: { content?: string | null }; finish_reason?: string | null }[]
  usage?: Usage | null
  error?: ErrorBody
}

export interface ErrorBody {
  message: string
  type?: string
  code?: string | null
}

/** An entry of `GET runs`. */
export interface RunEntry {
  name: string
  /** Milliseconds since 1970, or a date as text. */
  updated: number | string
  steps?: number
  report: boolean
}

export type ContentPart = { type: "text"; text: string } | { type: "image_url"; image_url: { url: string } }

export interface ChatMessage {
  role: "system" | "user" | "assistant"
  content: string | ContentPart[]
}

export interface ChatRequest {
  model: string
  messages: ChatMessage[]
  stream: true
  stream_options: { include_usage: true }
  max_tokens?: number
  temperature?: number
  seed?: number
  diffusion: {
    block_size?: number
    steps?: number
    threshold?: number
    remasking?: string
    mode?: string
    events?: true
  }
}
