import type { Answer } from "../answer/answer.js"

const number = (value: number, digits: number): string =>
  value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: value < 100 ? digits : 0 })

/** How fast it was and what it took. */
export function Cost({ answer: { cost, usage, finish, status } }: { answer: Answer }) {
  const cached = usage?.prompt_tokens_details?.cached_tokens ?? 0
  const facts: [name: string, value: string | undefined][] = [
    ["tokens", usage && number(usage.completion_tokens, 0)],
    ["tokens/s", cost?.tokens_per_second === undefined ? undefined : number(cost.tokens_per_second, 1)],
    ["forwards per token", cost?.nfe_per_token === undefined ? undefined : number(cost.nfe_per_token, 2)],
    ["seconds", cost?.milliseconds === undefined ? undefined : number(cost.milliseconds / 1000, 2)],
    ["prompt tokens", usage && number(usage.prompt_tokens, 0) + (cached > 0 ? `, ${number(cached, 0)} cached` : "")],
  ]
  const known = facts.filter(([, value]) => value !== undefined)
  const ends = { stopped: "Stopped here.", length: "Cut off at the longest answer." }
  const end = status === "stopped" ? ends.stopped : finish === "length" ? ends.length : undefined
  return (
    <>
      {end && <p class="hint">{end}</p>}
      {cost?.warning && <p class="hint">{`Warning: ${cost.warning}.`}</p>}
      {known.length > 0 && (
        <dl class="cost">
          {known.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </>
  )
}
