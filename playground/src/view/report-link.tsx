import { readReport, reportAddress } from "../protocol/client.js"
import { problemOf } from "../protocol/problem.js"
import { apiKey } from "../state/models.js"
import { runsProblem } from "../state/trainings.js"

/** A report of a training. A link carries no key: where there is one, the file is fetched and saved. */
export function ReportLink({ name }: { name: string }) {
  const words = (
    <>
      Report<span class="unseen"> of {name}, in a new tab</span>
    </>
  )
  if (!apiKey.value)
    return (
      // Elsewhere, so that the conversation stays.
      <a href={reportAddress(name)} target="_blank" rel="noopener">
        {words}
      </a>
    )
  return (
    <button type="button" class="quiet" onClick={() => save(name)}>
      {words}
    </button>
  )
}

async function save(name: string): Promise<void> {
  try {
    const address = URL.createObjectURL(await readReport(name, { key: apiKey.peek() }))
    const link = document.createElement("a")
    link.href = address
    link.download = `${name.replaceAll("/", "-")}.html`
    link.click()
    URL.revokeObjectURL(address)
  } catch (error) {
    runsProblem.value = problemOf(error)
  }
}
