/** What is known by name: families of models, towers, connectors, paradigms, metrics. A program adds its own before the first is looked up. */

export interface Named {
  name: string
  /** What model_type in a config.json may call it. */
  modelTypes?: readonly string[]
}

export class Registry<T extends Named> {
  readonly #byName = new Map<string, T>()

  /** @param noun what each of them is, for errors */
  constructor(
    readonly noun: string,
    known: readonly T[] = [],
  ) {
    for (const one of known) this.register(one)
  }

  /** @throws RangeError when there is one of the name, or of a model_type, already */
  register(added: T): void {
    const { name, modelTypes = [] } = added
    if (this.#byName.has(name)) throw new RangeError(`there is a ${this.noun} ${name} already`)
    const taken = modelTypes.find((type) => this.ofType(type))
    if (taken !== undefined) throw new RangeError(`there is a ${this.noun} for model_type ${taken} already`)
    this.#byName.set(name, added)
  }

  /** All of them, in the order in which they were made known. */
  all(): T[] {
    return [...this.#byName.values()]
  }

  names(): string[] {
    return [...this.#byName.keys()]
  }

  find(name: string): T | undefined {
    return this.#byName.get(name)
  }

  /** Of a name that something which is known has. */
  named(name: string): T {
    const found = this.find(name)
    if (!found) throw new Error(`there is no ${this.noun} ${name}`)
    return found
  }

  /** The one that a model_type means. */
  ofType(type: unknown): T | undefined {
    return this.all().find(({ modelTypes = [] }) => modelTypes.some((known) => known === type))
  }
}
