import { sentence } from "../protocol/problem.js"
import { isLoading, loadModels, models, modelsProblem } from "../state/models.js"
import { ProblemNotice } from "./problem-notice.js"

/** What stands between the reader and an answer: no server, or models that are still loading. */
export function ModelsNotice() {
  const problem = modelsProblem.value
  if (problem) return <ProblemNotice problem={problem} onAgain={loadModels} />
  const loading = models.value?.filter(isLoading) ?? []
  if (models.value?.length === 0) return <p class="notice">The server has no model.</p>
  const broken = models.value?.filter(({ diffusion }) => diffusion?.error) ?? []
  return (
    <>
      {broken.map(({ id, diffusion }) => (
        <ProblemNotice
          key={id}
          problem={{ what: sentence(`the model ${id} cannot be used: ${diffusion?.error}`) }}
          onAgain={loadModels}
        />
      ))}
      {loading.map(({ id, diffusion }) => (
        <p class="notice" key={id}>
          <label>
            Loading {id} <progress max={1} value={diffusion?.progress} />
          </label>
          {diffusion?.progress === undefined ? "" : ` ${Math.round(diffusion.progress * 100)} %`}
        </p>
      ))}
    </>
  )
}
