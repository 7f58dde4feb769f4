import { useState } from "preact/hooks"
import { cliCommand } from "../command/cli.js"
import { curlCommand } from "../command/curl.js"
import type { ChatRequest } from "../protocol/contract.js"
import type { Picture } from "../protocol/request.js"
import { apiKey } from "../state/models.js"
import { Copy } from "./copy.js"

interface CommandsProps {
  request: ChatRequest
  pictures: readonly Picture[]
  newest: readonly Picture[]
}

/** The same request as commands for a shell; written when it is unfolded. */
export function Commands(props: CommandsProps) {
  const [open, setOpen] = useState(false)
  return (
    <details class="commands" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>As a command</summary>
      {open && <Written {...props} />}
    </details>
  )
}

function Written({ request, pictures, newest }: CommandsProps) {
  const address = new URL("v1/chat/completions", document.baseURI).href
  const isFollowUp = request.messages.some(({ role }) => role === "assistant")
  return (
    <>
      <Command title="curl" text={curlCommand(request, pictures, address, apiKey.value !== "")} />
      <Command title="without a server" text={cliCommand(request, newest)} />
      {isFollowUp && <p class="hint">The second asks this question alone, without what was said before.</p>}
      {pictures.length > 0 && <p class="hint">Pictures are read from files of these names in the current folder.</p>}
    </>
  )
}

function Command({ title, text }: { title: string; text: string }) {
  return (
    <figure class="command">
      <figcaption>
        {title} <Copy text={text} />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard */}
      <pre tabIndex={0}>{text}</pre>
    </figure>
  )
}
