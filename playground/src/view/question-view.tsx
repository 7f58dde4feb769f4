import type { Question } from "../protocol/request.js"

/** What was asked. */
export function QuestionView({ question: { text, pictures } }: { question: Question }) {
  return (
    <div class="question">
      <h2 class="unseen">You asked</h2>
      {pictures.length > 0 && (
        <div class="pictures">
          {pictures.map(({ name, url, width, height }, i) => (
            <img key={url} src={url} alt={`${i + 1}: ${name}`} width={width} height={height} />
          ))}
        </div>
      )}
      <p class="text">{text}</p>
    </div>
  )
}
