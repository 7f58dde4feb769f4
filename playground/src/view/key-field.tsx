import { signal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { apiKey, loadModels } from "../state/models.js"

const isOpen = signal(false)

export function showKeyField(): void {
  isOpen.value = true
}

/** The API key, for servers that want one. It stays in this tab. */
export function KeyField() {
  const field = useRef<HTMLInputElement>(null)
  const open = isOpen.value
  useEffect(() => {
    if (open) field.current?.focus()
  }, [open])
  const close = () => {
    isOpen.value = false
    loadModels()
  }
  return (
    <div class="key">
      <button type="button" class="quiet" aria-expanded={open} onClick={() => (open ? close() : showKeyField())}>
        API key{apiKey.value ? " ✓" : ""}
      </button>
      {open && (
        <form
          class="popup"
          onSubmit={(event) => {
            event.preventDefault()
            close()
          }}
          onKeyDown={(event) => event.key === "Escape" && close()}
        >
          <label for="api-key">API key</label>
          <input
            id="api-key"
            ref={field}
            type="password"
            autocomplete="off"
            value={apiKey}
            onInput={(event) => (apiKey.value = event.currentTarget.value.trim())}
            aria-describedby="api-key-hint"
          />
          <p class="hint" id="api-key-hint">
            What the server was started with, as --api-key. It is kept until this tab is closed.
          </p>
          <button type="submit">Use it</button>
        </form>
      )}
    </div>
  )
}
