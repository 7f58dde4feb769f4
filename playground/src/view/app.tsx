import { signal } from "@preact/signals"
import { announcement } from "../state/announce.js"
import { Chat } from "./chat.js"
import { Compare } from "./compare.js"
import { KeyField } from "./key-field.js"
import { ModelsNotice } from "./models-notice.js"
import { Trainings } from "./trainings.js"

const PAGES = [
  { hash: "", name: "Chat", view: Chat },
  { hash: "compare", name: "Compare", view: Compare },
  { hash: "training", name: "Training", view: Trainings },
]

const hash = signal(location.hash.slice(1))
addEventListener("hashchange", () => (hash.value = location.hash.slice(1)))

/** The page: where one is, and what one sees there. */
export function App() {
  const page = PAGES.find((one) => one.hash === hash.value) ?? PAGES[0]
  const { view: View } = page
  document.title = `${page.name} · DiffusionVL`
  return (
    <>
      <header class="top">
        <strong class="brand">
          <Logo /> DiffusionVL
        </strong>
        <nav aria-label="Pages">
          {PAGES.map(({ hash, name }) => (
            <a key={hash} href={`#${hash}`} aria-current={page.hash === hash ? "page" : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <KeyField />
      </header>
      <main>
        <ModelsNotice />
        <View key={page.hash} />
      </main>
      <p class="unseen" role="status">
        {announcement}
      </p>
    </>
  )
}

function Logo() {
  return (
    <svg class="logo" viewBox="0 0 16 16" aria-hidden="true">
      <path class="solid" d="M1 1h6v6H1z" />
      <path class="half" d="M9 1h6v6H9zM1 9h6v6H1z" />
      <path class="open" d="M9.5 9.5h5v5h-5z" />
    </svg>
  )
}
