/** docs/models.md, from what the tests beside this file found. */

import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { architectures } from "../../src/models/registry.js"
import { towerFamilies } from "../../src/models/towers/registry.js"
import { MECHANISMS } from "./mechanisms.js"
import { CONNECTORS } from "./vision-parts.js"

export const DOCUMENT = resolve(import.meta.dirname, "../../docs/models.md")
export const TESTS = "test/models/models.test.ts"

/** Whether something can be done with a family or a tower. */
export type Found = (row: string, column: string) => boolean

/** Names of the tests, which are those of the table's links. */
export const testOf = (row: string, column: string): string => `${row}: ${column}`

const cell = (found: Found, row: string, column: string): string =>
  `[${found(row, column) ? "yes" : "no"}][${testOf(row, column)}]`

/** Cells padded, as the formatter of this repository has them. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, i) => Math.max(3, ...rows.map((cells) => cells[i].length)))
  const line = (cells: readonly string[], fill = " "): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i], fill)).join(" | ")} |`
  const [heads, ...others] = rows
  return [
    line(heads),
    line(
      heads.map(() => ""),
      "-",
    ),
    ...others.map((cells) => line(cells)),
  ].join("\n")
}

export function rendered(found: Found): string {
  const columns = Object.entries(MECHANISMS)
  const links = [
    ...architectures().flatMap(({ name }) => columns.map(([key]) => testOf(name, key))),
    ...towerFamilies().flatMap(({ name }) => CONNECTORS.map((connector) => testOf(name, connector))),
  ].map((test) => `[${test}]: ../${TESTS} "${test}"`)
  return `# Models

Made by \`npm run models\` from what its tests do with a tiny random model of every family (\`test/support/tiny-models.ts\`); \`npm test\` fails
where this page says anything else. Each cell is a link to its test, whose name is the link's title.

${table([
  ["family", "model_type", ...columns.map(([, { title }]) => title)],
  ...architectures().map(({ name, title, modelTypes }) => [
    title,
    modelTypes.map((type) => `\`${type}\``).join(", "),
    ...columns.map(([key]) => cell(found, name, key)),
  ]),
])}

What a "yes" has been shown to do; a "no" is refused with a sentence:

${columns.map(([, { title, shows }]) => `- **${title}**: ${shows}.`).join("\n")}

GGUF files of Mistral's models call themselves \`llama\`, and are read as what they say.

Pictures only: **video is out of scope.** Video tokens of a model are known by their ids, and nothing reads or makes a video.

## Towers and connectors

Any tower of square tiles goes with any connector ([add a tower](guide/add-a-tower.md)); Qwen2.5-VL and Qwen3-VL have towers of their own with their
mergers, and stand above. "yes": two tiles become rows as wide as the language model, and both parts learn from them.

${table([
  ["tower", ...CONNECTORS.map((name) => `\`${name}\``)],
  ...towerFamilies().map(({ name, title }) => [title, ...CONNECTORS.map((connector) => cell(found, name, connector))]),
])}

${links.join("\n")}
`
}

/** Compares the page with what was found; where MODELS_DOCUMENT is set, writes it instead. */
export function settle(found: Found): { written: string; wanted: string } {
  const wanted = rendered(found)
  if (process.env.MODELS_DOCUMENT === "write") writeFileSync(DOCUMENT, wanted)
  return { written: existsSync(DOCUMENT) ? readFileSync(DOCUMENT, "utf8") : "", wanted }
}
