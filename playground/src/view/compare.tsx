import { useEffect } from "preact/hooks"
import { verdict } from "../answer/verdict.js"
import { twoWays } from "../protocol/two-ways.js"
import {
  compare,
  compared,
  isComparing,
  SIDES,
  type Side,
  sides,
  stopComparing,
  together,
} from "../state/comparison.js"
import { system } from "../state/conversation.js"
import { comparisonDraft } from "../state/drafts.js"
import { models } from "../state/models.js"
import { AnswerView } from "./answer-view.js"
import { ChoiceFields } from "./choice-fields.js"
import { Composer } from "./composer.js"
import { reasonNotToSend, useKnownModel } from "./may-send.js"
import { QuestionView } from "./question-view.js"
import { SystemField } from "./settings.js"

const NAMES = ["Left", "Right"]

/** The same question to two models, or to one in two ways. */
export function Compare() {
  useTwoWays()
  useKnownModel(sides)
  const shown = compared.value
  return (
    <div class="compare">
      <h1>Compare</h1>
      {shown && <QuestionView question={shown.question} />}
      <div class="two">
        {SIDES.map((side) => (
          <Column key={side} side={side} />
        ))}
      </div>
      <Verdict />
      <Composer
        draft={comparisonDraft}
        running={isComparing.value}
        onSend={compare}
        onStop={stopComparing}
        reason={(question) => reasonNotToSend(question, [sides[0].value, sides[1].value])}
      >
        <label class="check">
          <input
            type="checkbox"
            checked={together}
            onChange={(event) => (together.value = event.currentTarget.checked)}
          />
          both at once
        </label>
        {shown && !isComparing.value && (
          <button type="button" class="quiet" onClick={() => compare(shown.question)}>
            Ask again
          </button>
        )}
      </Composer>
      <p class="hint">
        One answers after the other, so that each has the machine to itself. At once, they share it, and their speeds
        say less.
      </p>
      <SystemField value={system} />
    </div>
  )
}

function Column({ side }: { side: Side }) {
  const shown = compared.value
  const asked = shown?.asked[side]
  return (
    <section class="side" aria-label={NAMES[side]}>
      <details class="settings" open={!shown}>
        <summary>{NAMES[side]}: settings</summary>
        <div class="fields">
          <ChoiceFields choice={sides[side]} id={`side-${side}`} />
        </div>
      </details>
      {asked && shown && (
        <AnswerView key={asked} asked={asked} pictures={shown.question.pictures} newest={shown.question.pictures} />
      )}
      {shown && !asked && isComparing.value && <p class="text waiting">Waits for the other …</p>}
    </section>
  )
}

function Verdict() {
  const [first, second] = (compared.value?.asked ?? []).map((one) => one?.answer.value)
  const words = first?.status === "done" && second?.status === "done" && verdict(first.cost, second.cost)
  return words ? <p class="verdict">{words}</p> : null
}

/** Two ways to begin with. */
function useTwoWays(): void {
  const known = models.value
  useEffect(() => {
    if (!known?.length || sides.some((side) => side.peek().model !== "")) return
    const ways = twoWays(known)
    for (const side of SIDES) sides[side].value = ways[side]
  }, [known])
}
