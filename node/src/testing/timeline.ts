// What happened in a run, for people: faults, elections, processes that start and end, and the notes of
// the test itself, each with its time. Bounded: of a long run the latest lines are kept.

/** One line of a timeline. */
export interface TimelineEntry {
  /** Virtual milliseconds since the cluster was started. */
  readonly atMs: number
  /** For people: what happened to whom. */
  readonly text: string
}

const entriesMax = 2_000

export class Timeline {
  readonly #entries: { readonly atMs: number; readonly text: () => string }[] = []

  get entries(): readonly TimelineEntry[] {
    return this.#entries.map(({ atMs, text }) => ({ atMs, text: text() }))
  }

  /** A function is called when somebody reads: names may be known only then. */
  add(atMs: number, text: string | (() => string)): void {
    if (this.#entries.length === entriesMax) this.#entries.shift()
    const lazy = typeof text === 'string' ? () => text : text
    this.#entries.push({ atMs: Math.floor(atMs), text: lazy })
  }
}

/** The last entries, a line each, with the time in front. */
export function timelineText(entries: readonly TimelineEntry[], linesMax = 60): string {
  const shown = entries.slice(-linesMax)
  const lines = shown.map(({ atMs, text }) => `${String(atMs).padStart(8)} ms  ${text}`)
  const left = entries.length - shown.length
  return left === 0 ? lines.join('\n') : [`${left} earlier lines`, ...lines].join('\n')
}
