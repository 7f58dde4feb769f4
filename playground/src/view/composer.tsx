import type { ComponentChildren } from "preact"
import { useEffect, useRef, useState } from "preact/hooks"
import { picturesIn, readPicture } from "../picture/read.js"
import type { Question } from "../protocol/request.js"
import { announce } from "../state/announce.js"
import type { Draft } from "../state/drafts.js"
import { AttachedPictures, PictureButtons } from "./picture-fields.js"

interface ComposerProps {
  draft: Draft
  running: boolean
  onSend: (question: Question) => void
  onStop: () => void
  /** Why a question cannot be sent now, in a sentence. */
  reason: (question: Question) => string | undefined
  children?: ComponentChildren
}

const KEYS = "Enter sends, Shift and Enter begin a new line."

/** Where a question is typed, and pictures are added: chosen, dropped, pasted or taken. */
export function Composer({ draft, running, onSend, onStop, reason, children }: ComposerProps) {
  const [problem, setProblem] = useState("")
  const field = useRef<HTMLTextAreaElement>(null)
  const question: Question = { text: draft.text.value, pictures: draft.pictures.value }
  const hindrance = reason(question)
  const isEmpty = question.text.trim() === ""
  const complaint = isEmpty ? undefined : hindrance

  const add = async (files: File[]) => {
    setProblem("")
    for (const file of files) {
      try {
        const picture = await readPicture(file)
        draft.pictures.value = [...draft.pictures.peek(), picture]
        announce(`Picture ${draft.pictures.peek().length} added: ${picture.name}`)
      } catch (error) {
        setProblem((error as Error).message)
      }
    }
    field.current?.focus()
  }
  const isDragged = useDroppedPictures(add)

  const submit = () => {
    if (running) return onStop()
    if (complaint) announce(complaint)
    if (isEmpty || hindrance) return field.current?.focus()
    onSend(question)
    draft.text.value = ""
    draft.pictures.value = []
    setProblem("")
    field.current?.focus()
  }
  return (
    <form
      class={isDragged ? "composer dragged" : "composer"}
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <AttachedPictures pictures={draft.pictures} />
      <label class="unseen" for="question">
        Question
      </label>
      <textarea
        id="question"
        ref={field}
        rows={2}
        value={draft.text}
        placeholder={isDragged ? "Drop the picture anywhere" : "Ask something"}
        aria-describedby="question-hint"
        onInput={(event) => (draft.text.value = event.currentTarget.value)}
        onPaste={(event) => {
          const files = picturesIn(event.clipboardData?.files)
          if (files.length > 0) event.preventDefault()
          add(files)
        }}
        onKeyDown={(event) => {
          if (event.key === "Escape" && running) onStop()
          if (event.key !== "Enter" || event.shiftKey || event.isComposing || isTouch()) return
          event.preventDefault()
          if (!running) submit()
        }}
      />
      <div class="row">
        <PictureButtons onFiles={add} />
        <span class="space" />
        <button type="submit" class="main" aria-disabled={!running && (isEmpty || hindrance !== undefined)}>
          {running ? "Stop" : "Send"}
        </button>
      </div>
      <div class="row">
        <p id="question-hint" class={problem || complaint ? "hint bad" : "hint"} role={problem ? "alert" : undefined}>
          {problem || complaint || <span class="keys">{running ? "Escape stops the answer." : KEYS}</span>}
        </p>
        <span class="space" />
        {children}
      </div>
    </form>
  )
}

/** On a screen keyboard Enter is how one begins a new line. */
const isTouch = (): boolean => matchMedia("(pointer: coarse)").matches

/** Pictures dropped anywhere: the browser would leave the page for one that misses the field. */
function useDroppedPictures(add: (files: File[]) => void): boolean {
  const [isDragged, setDragged] = useState(false)
  useEffect(() => {
    const over = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return
      event.preventDefault()
      setDragged(true)
    }
    const leave = (event: DragEvent) => event.relatedTarget === null && setDragged(false)
    const drop = (event: DragEvent) => {
      setDragged(false)
      if (!event.dataTransfer?.types.includes("Files")) return
      event.preventDefault()
      add(picturesIn(event.dataTransfer.files))
    }
    document.addEventListener("dragover", over)
    document.addEventListener("dragleave", leave)
    document.addEventListener("drop", drop)
    return () => {
      document.removeEventListener("dragover", over)
      document.removeEventListener("dragleave", leave)
      document.removeEventListener("drop", drop)
    }
  })
  return isDragged
}
