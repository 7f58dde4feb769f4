import { useEffect } from "preact/hooks"
import { isRunning } from "../answer/answer.js"
import { again, choice, clear, send, stop, system, type Turn, turns } from "../state/conversation.js"
import { chatDraft } from "../state/drafts.js"
import { AnswerView } from "./answer-view.js"
import { ChoiceFields } from "./choice-fields.js"
import { Composer } from "./composer.js"
import { reasonNotToSend, useKnownModel } from "./may-send.js"
import { QuestionView } from "./question-view.js"
import { Settings, SystemField } from "./settings.js"
import { Welcome } from "./welcome.js"

/** A conversation with one model. */
export function Chat() {
  useKnownModel([choice])
  const all = turns.value
  useEnd(all)
  const running = all.some(({ answer }) => isRunning(answer.value))
  return (
    <div class="chat">
      <h1 class="unseen">Chat</h1>
      <section class="conversation" aria-label="Conversation">
        {all.length === 0 && <Welcome choice={choice.value} onTry={send} />}
        {all.map((turn, i) => (
          <article key={turn.id} class="turn">
            <QuestionView question={turn.question} />
            <AnswerView
              asked={turn}
              pictures={turn.pictures}
              newest={turn.question.pictures}
              onAgain={i === all.length - 1 ? again : undefined}
            />
          </article>
        ))}
      </section>
      <Settings>
        <ChoiceFields choice={choice} id="chat" />
        <SystemField value={system} />
      </Settings>
      <Composer
        draft={chatDraft}
        running={running}
        onSend={send}
        onStop={stop}
        reason={(question) => reasonNotToSend(question, [choice.value])}
      >
        {all.length > 0 && (
          <button type="button" class="quiet" onClick={clear}>
            New conversation
          </button>
        )}
      </Composer>
    </div>
  )
}

let isAtEnd = true
addEventListener("scroll", () => {
  isAtEnd = innerHeight + scrollY > document.documentElement.scrollHeight - 40
})

/** Whoever is at the end of the conversation stays there while it grows; elsewhere nothing moves. */
function useEnd(turns: readonly Turn[]): void {
  const newest = turns.at(-1)?.answer.value
  useEffect(() => {
    if (newest && (isAtEnd || newest.status === "waiting")) scrollTo(0, document.documentElement.scrollHeight)
  }, [newest])
}
