import panda from "../../../examples/pictures/panda.png"
import { readPicture } from "../picture/read.js"
import type { Choice } from "../protocol/choice.js"
import type { Question } from "../protocol/request.js"
import { loadModels, modelOf } from "../state/models.js"
import { reasonNotToSend } from "./may-send.js"

const TEXT = "Describe it."

/** Before the first question: what there is to see, and one to try. */
export function Welcome({ choice, onTry }: { choice: Choice; onTry: (question: Question) => void }) {
  const sees = modelOf(choice.model)?.diffusion?.images ?? false
  const isReady = reasonNotToSend({ text: TEXT, pictures: [] }, [choice]) === undefined
  const tryIt = async () => {
    try {
      const file = await (await fetch(panda)).blob()
      onTry({ text: TEXT, pictures: [await readPicture(new File([file], "panda.png", { type: "image/png" }))] })
    } catch {
      // The server is gone, which the list of its models will say.
      loadModels()
    }
  }
  return (
    <div class="welcome">
      <h2>Ask something, and watch the answer take shape</h2>
      <p>
        A diffusion model fills a block of masked tokens in parallel and keeps those it is sure of. Here every step is
        seen, while it happens and afterwards.
      </p>
      {sees && isReady && (
        <button type="button" class="try" onClick={tryIt}>
          <img src={panda} alt="A panda" width={40} height={40} /> {TEXT}
        </button>
      )}
    </div>
  )
}
