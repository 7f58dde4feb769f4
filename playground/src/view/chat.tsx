import { useEffect, useRef } from "preact/hooks"
import { isRunning } from "../answer/answer.js"
import { again, choice, clear, send, stop, system, turns } from "../state/conversation.js"
import { chatDraft } from "../state/drafts.js"
import { AnswerView } from "./answer-view.js"
import { ChoiceFields } from "./choice-fields.js"
import { Composer } from "./composer.js"
import { reasonNotToSend, useKnownModel } from "./may-send.js"
import { QuestionView } from "./question-view.js"
import { Settings, SystemField } from "./settings.js"

/** A conversation with one model. */
export function Chat() {
  useKnownModel([choice])
  const all = turns.value
  const running = all.some(({ answer }) => isRunning(answer.value))
  return (
    <div class="chat">
      <h1 class="unseen">Chat</h1>
      <section class="conversation" aria-label="Conversation">
        {all.length === 0 && <Welcome />}
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
        <End count={all.length} />
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

function Welcome() {
  return (
    <div class="welcome">
      <h2>Ask something, and watch the answer take shape</h2>
      <p>
        A diffusion model fills a block of masked tokens in parallel and keeps those it is sure of. Add a picture, ask
        what it is, and move the slider below the answer to see each step.
      </p>
    </div>
  )
}

/** A new question brings the end of the conversation into view; an answer that grows does not move what is being read. */
function End({ count }: { count: number }) {
  const end = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (count > 0) end.current?.scrollIntoView({ block: "end" })
  }, [count])
  return <div ref={end} class="end" />
}
