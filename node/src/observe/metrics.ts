// The node's metrics and their Prometheus text. Values are either counted here or read from their
// owner at scrape, so that hot paths pay one addition or nothing. Knows nothing of HTTP, and of
// clocks only what is observed into it. Names start with `quorate_`, units stand last (`_seconds`,
// `_bytes`, `_total`).

export type Labels = Readonly<Record<string, string>>

export interface Sample {
  readonly value: number
  readonly labels?: Labels
}

/** Read at scrape: one number, or one per label set. */
export type ReadSamples = () => number | readonly Sample[]

export interface Counter {
  /** By 1, or by `amount`, which is not negative. */
  add(amount?: number): void
  readonly value: number
}

export interface Histogram {
  observe(value: number): void
}

type Family =
  | { readonly kind: 'counter' | 'gauge'; readonly help: string; readonly sources: ReadSamples[] }
  | {
      readonly kind: 'histogram'
      readonly help: string
      readonly boundaries: readonly number[]
      readonly sources: { readonly labels: Labels; readonly buckets: Buckets }[]
    }

interface Buckets {
  /** One more than there are boundaries; not cumulative. */
  readonly counts: number[]
  sum: number
  count: number
}

const metricName = /^quorate_[a-z][a-z0-9_]*$/
const labelName = /^[a-z][a-z0-9_]*$/

export class Metrics {
  readonly #families = new Map<string, Family>()

  /** Counted here. The same name may be registered again with other labels. */
  counter(name: string, help: string, labels: Labels = {}): Counter {
    let value = 0
    this.counterRead(name, help, () => [{ value, labels }])
    return {
      add: (amount = 1) => {
        value += amount
      },
      get value() {
        return value
      },
    }
  }

  /** Counted by its owner; never falls while the process lives. */
  counterRead(name: string, help: string, read: ReadSamples): void {
    if (!name.endsWith('_total')) throw new Error(`counter ${name} must end in _total`)
    this.#sources(name, help, 'counter').push(read)
  }

  gauge(name: string, help: string, read: ReadSamples): void {
    this.#sources(name, help, 'gauge').push(read)
  }

  /** `boundaries`: inclusive upper bounds, rising; a last bucket without bound is implied. */
  histogram(
    name: string,
    help: string,
    boundaries: readonly number[],
    labels: Labels = {},
  ): Histogram {
    if (boundaries.some((bound, index) => !(bound > (boundaries[index - 1] ?? -Infinity)))) {
      throw new Error(`boundaries of ${name} do not rise`)
    }
    const known = this.#families.get(name)
    const family = known ?? { kind: 'histogram', help, boundaries, sources: [] }
    if (family.kind !== 'histogram' || `${family.boundaries}` !== `${boundaries}`) {
      throw new Error(`${name} is registered already, as something else`)
    }
    this.#register(name, family)
    const buckets: Buckets = { counts: boundaries.map(() => 0).concat(0), sum: 0, count: 0 }
    family.sources.push({ labels: checkedLabels(labels), buckets })
    return {
      observe: (value) => {
        let index = 0
        while (index < boundaries.length && value > boundaries[index]!) index += 1
        buckets.counts[index]! += 1
        buckets.sum += value
        buckets.count += 1
      },
    }
  }

  /** Prometheus text format 0.0.4, families in alphabetical order. */
  render(): string {
    const names = [...this.#families.keys()].sort()
    return names.map((name) => renderFamily(name, this.#families.get(name)!)).join('')
  }

  #sources(name: string, help: string, kind: 'counter' | 'gauge'): ReadSamples[] {
    const family = this.#families.get(name) ?? { kind, help, sources: [] }
    if (family.kind !== kind) throw new Error(`${name} is registered already, as a ${family.kind}`)
    this.#register(name, family)
    return family.sources as ReadSamples[]
  }

  #register(name: string, family: Family): void {
    if (!metricName.test(name)) throw new Error(`${name} is no name of a metric`)
    this.#families.set(name, family)
  }
}

/** Content type of `render`. */
export const metricsContentType = 'text/plain; version=0.0.4; charset=utf-8'

function renderFamily(name: string, family: Family): string {
  let text = `# HELP ${name} ${escapeHelp(family.help)}\n# TYPE ${name} ${family.kind}\n`
  if (family.kind === 'histogram') {
    for (const { labels, buckets } of family.sources) {
      text += renderHistogram(name, family.boundaries, labels, buckets)
    }
    return text
  }
  for (const read of family.sources) {
    const samples = read()
    if (typeof samples === 'number') text += line(name, {}, samples)
    else for (const { value, labels } of samples) text += line(name, labels ?? {}, value)
  }
  return text
}

function renderHistogram(
  name: string,
  boundaries: readonly number[],
  labels: Labels,
  buckets: Buckets,
): string {
  let text = ''
  let below = 0
  for (const [index, count] of buckets.counts.entries()) {
    below += count
    const le = number(boundaries[index] ?? Infinity)
    text += line(`${name}_bucket`, { ...labels, le }, below)
  }
  return (
    text + line(`${name}_sum`, labels, buckets.sum) + line(`${name}_count`, labels, buckets.count)
  )
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(checkedLabels(labels))
  const inner = pairs.map(([key, text]) => `${key}="${escapeLabel(text)}"`).join(',')
  return `${name}${inner === '' ? '' : `{${inner}}`} ${number(value)}\n`
}

function checkedLabels(labels: Labels): Labels {
  for (const key of Object.keys(labels)) {
    if (!labelName.test(key)) throw new Error(`${key} is no name of a label`)
  }
  return labels
}

function number(value: number): string {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"')
}
