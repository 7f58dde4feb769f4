import type { Signal } from "@preact/signals"
import {
  type Choice,
  denoises,
  fieldProblem,
  NO_CHOICE,
  NUMBER_FIELDS,
  type NumberField,
  ORDERS,
} from "../protocol/choice.js"
import type { DecodingDefaults, ServedModel } from "../protocol/contract.js"
import { modelOf, models } from "../state/models.js"

const DEFAULTS: Partial<Record<NumberField["key"], keyof DecodingDefaults>> = {
  blockSize: "block_size",
  steps: "steps",
  threshold: "threshold",
}

/** Which model answers and how. */
export function ChoiceFields({ choice, id }: { choice: Signal<Choice>; id: string }) {
  const now = choice.value
  const model = modelOf(now.model)
  const diffusion = model?.diffusion
  const set = (change: Partial<Choice>) => (choice.value = { ...choice.peek(), ...change })
  const mode = now.mode || diffusion?.paradigm || ""
  const isTrained = mode === diffusion?.paradigm
  const usual = isTrained ? diffusion?.default : undefined
  const fields = NUMBER_FIELDS.filter((field) => !field.diffusion || denoises(model, now.mode))
  return (
    <>
      <Select
        id={`${id}-model`}
        label="Model"
        value={now.model}
        options={(models.value ?? []).map((one) => [one.id, one.id])}
        // What was set for another model need not fit this one.
        onChange={(value) => set({ ...NO_CHOICE, model: value, seed: now.seed, maxTokens: now.maxTokens })}
      />
      {(diffusion?.modes.length ?? 0) > 1 && (
        <Select
          id={`${id}-mode`}
          label="Mode"
          value={now.mode}
          options={[["", `as trained (${diffusion?.paradigm})`], ...modes(diffusion)]}
          // Orders and sizes of one mode need not fit another.
          onChange={(mode) => set({ mode, remasking: "", blockSize: "", steps: "", threshold: "" })}
        />
      )}
      {fields.map((field) => (
        <NumberInput
          key={field.key}
          id={`${id}-${field.key}`}
          field={field}
          usual={usual?.[DEFAULTS[field.key] as "steps"] ?? undefined}
          value={now[field.key]}
          onChange={(value) => set({ [field.key]: value })}
        />
      ))}
      {denoises(model, now.mode) && (
        <Select
          id={`${id}-remasking`}
          label="Remasking"
          value={now.remasking}
          options={[["", usual?.remasking ?? "as the model has it"], ...named(ORDERS[mode])]}
          onChange={(remasking) => set({ remasking })}
        />
      )}
    </>
  )
}

/** All of them, so that a comparison can name each. */
const modes = (diffusion: ServedModel["diffusion"]): [string, string][] =>
  (diffusion?.modes ?? []).map((name) => [name, name === diffusion?.paradigm ? name : `${name} (not trained for it)`])

const named = (names: readonly string[] = []): [string, string][] => names.map((name) => [name, name])

interface SelectProps {
  id: string
  label: string
  value: string
  options: [value: string, text: string][]
  onChange: (value: string) => void
}

function Select({ id, label, value, options, onChange }: SelectProps) {
  return (
    <div class="field wide">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  )
}

interface NumberInputProps {
  id: string
  field: NumberField
  /** What holds where nothing is typed. */
  usual?: number
  value: string
  onChange: (value: string) => void
}

function NumberInput({ id, field, usual, value, onChange }: NumberInputProps) {
  const problem = fieldProblem(field, value)
  return (
    <div class="field">
      <label for={id}>{field.label}</label>
      <input
        id={id}
        inputmode="decimal"
        value={value}
        placeholder={usual === undefined ? "default" : String(usual)}
        onInput={(event) => onChange(event.currentTarget.value)}
        aria-invalid={problem !== undefined}
        aria-describedby={`${id}-hint`}
      />
      <p id={`${id}-hint`} class={problem ? "hint bad" : "hint"}>
        {problem ?? field.hint}
      </p>
    </div>
  )
}
