import { useLayoutEffect, useRef } from "preact/hooks"
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
        <End turns={all} />
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

/** Whoever is at the end of the conversation stays there while it grows; elsewhere nothing moves. */
function End({ turns }: { turns: readonly Turn[] }) {
  const end = useRef<HTMLDivElement>(null)
  const newest = turns.at(-1)?.answer.value
  const wasAtEnd = innerHeight + scrollY > document.documentElement.scrollHeight - 60
  useLayoutEffect(() => {
    if (newest && (wasAtEnd || newest.status === "waiting")) end.current?.scrollIntoView({ block: "end" })
  }, [newest])
  return <div ref={end} class="end" />
}
