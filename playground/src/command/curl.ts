/** A request of this page as a curl command. */

import { shellWord } from "../../../src/cli/shell.js"
import type { ChatRequest } from "../protocol/contract.js"
import type { Picture } from "../protocol/request.js"

/**
 * Reads pictures from their files and the key from `$API_KEY`; asks for the whole answer in one piece. The body is a here-document,
 * since an argument may not be as long as a picture.
 * @param pictures all of the conversation, in their order
 */
export function curlCommand(
  request: ChatRequest,
  pictures: readonly Pick<Picture, "name" | "url">[],
  address: string,
  withKey: boolean,
): string {
  const { stream: _, stream_options: __, diffusion, ...rest } = request
  const { events: ___, ...extras } = diffusion
  const body = Object.values(extras).some((value) => value !== undefined) ? { ...rest, diffusion: extras } : rest
  const json = JSON.stringify(body, (key, value) => (key === "url" ? "" : value), 2)
  // Within a string every quotation mark is escaped, so this is found at the pictures' places only.
  const [start, ...parts] = json.split('"url": ""').map(hereText)
  const filled = parts.map((part, i) => `"url": "${type(pictures[i])};base64,${contents(pictures[i])}"${part}`)
  const key = withKey ? [`  -H "Authorization: Bearer $API_KEY" \\`] : []
  return [
    `curl ${shellWord(address)} \\`,
    ...key,
    "  -H 'Content-Type: application/json' --data-binary @- <<JSON",
    start + filled.join(""),
    "JSON",
  ].join("\n")
}

const type = ({ url }: Pick<Picture, "url">): string => url.slice(0, url.indexOf(";"))
const contents = ({ name }: Pick<Picture, "name">): string => `$(base64 < ${shellWord(name)} | tr -d '\\n')`

/** What a shell replaces in a here-document, escaped. */
const hereText = (text: string): string => text.replace(/[\\$`]/g, "\\$&")
