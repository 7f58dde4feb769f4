/** Why a connection failed, as a sentence: Node says it in codes, some of them hidden in causes. */

const REASONS: Record<string, string> = {
  CERT_HAS_EXPIRED: "the certificate of the server has expired",
  EAI_AGAIN: "the name of the server cannot be looked up",
  ECONNABORTED: "the connection broke",
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection broke",
  EHOSTUNREACH: "the server cannot be reached",
  ENETUNREACH: "there is no network",
  ENOTFOUND: "the name of the server is not known",
  EPIPE: "the connection broke",
  EPROTO: "the server does not speak TLS here (https where http is meant?)",
  ERR_TLS_CERT_ALTNAME_INVALID: "the certificate belongs to another server",
  ETIMEDOUT: "the server does not answer",
}

/** A proxy that looks into encrypted connections signs them itself. */
const UNTRUSTED =
  "the certificate of the server is not trusted; where a company's proxy signs, NODE_EXTRA_CA_CERTS names its certificate"

export function explainConnection(error: unknown): string {
  const code = codeOf(error)
  if (code === undefined) return "the connection failed"
  if (code in REASONS) return REASONS[code]
  if (code.startsWith("HPE_")) return "the answer is not HTTP"
  if (code.startsWith("Z_") || code.startsWith("ERR__ERROR_FORMAT")) return "the compressed answer is damaged"
  if (/^ERR_SSL|^ERR_TLS/.test(code)) return REASONS.EPROTO
  if (/CERT|SIGNATURE|ISSUER/.test(code)) return UNTRUSTED
  return `the connection failed (${code})`
}

function codeOf(error: unknown): string | undefined {
  const { code, cause, errors } = (error ?? {}) as { code?: unknown; cause?: unknown; errors?: unknown[] }
  if (typeof code === "string") return code
  return errors?.length ? codeOf(errors[0]) : cause ? codeOf(cause) : undefined
}
