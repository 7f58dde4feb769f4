import { useState } from "preact/hooks"
import { announce } from "../state/announce.js"

/** A button that copies a text. */
export function Copy({ text, what = "Copy" }: { text: string; what?: string }) {
  const [done, setDone] = useState(false)
  const copy = async () => {
    if (!(await copied(text))) return announce("The browser did not allow copying.")
    setDone(true)
    announce("Copied")
    setTimeout(() => setDone(false), 1500)
  }
  return (
    <button type="button" class="quiet" onClick={copy}>
      {done ? "Copied" : what}
    </button>
  )
}

/** Pages that came by plain http from another machine have no clipboard of their own: what is selected can be copied. */
async function copied(text: string): Promise<boolean> {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    )
  }
  const field = document.createElement("textarea")
  field.value = text
  document.body.append(field)
  field.select()
  const done = document.execCommand("copy")
  field.remove()
  return done
}
