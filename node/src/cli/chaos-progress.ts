// How far `quorate chaos sim` has come: a block on a terminal that is drawn again and again, and
// without a terminal a line now and then. Decides only how it looks; what is counted is in tally.ts.
import type { Tally } from '../laboratory/runs/tally.ts'
import { durationText } from './arguments.ts'

export interface Goal {
  /** Absent: as many as fit into the time. */
  readonly seeds: number | undefined
  readonly limitMs: number | undefined
}

export interface ProgressPlace {
  /** Where it is written: standard error. */
  readonly stream: NodeJS.WritableStream
  /** Lines can be drawn again. */
  readonly isTerminal: boolean
}

const redrawMs = 200
const lineEveryMs = 30_000
const barColumns = 30

export class ChaosProgress {
  readonly #place: ProgressPlace
  readonly #tally: Tally
  readonly #goal: Goal
  readonly #startMs = performance.now()
  readonly #timer: NodeJS.Timeout
  #drawnLines = 0

  constructor(place: ProgressPlace, tally: Tally, goal: Goal) {
    this.#place = place
    this.#tally = tally
    this.#goal = goal
    this.#timer = setInterval(() => this.#draw(), place.isTerminal ? redrawMs : lineEveryMs)
    this.#timer.unref()
  }

  /** A line that stays, above the block. */
  say(line: string): void {
    this.#erase()
    this.#place.stream.write(`${line}\n`)
    if (this.#place.isTerminal) this.#draw()
  }

  /** The block stays as it is last. */
  end(): void {
    clearInterval(this.#timer)
    this.#draw()
    this.#drawnLines = 0
  }

  #draw(): void {
    const lines = progressLines(this.#tally, this.#goal, performance.now() - this.#startMs)
    this.#erase()
    if (this.#place.isTerminal) {
      this.#place.stream.write(`${lines.join('\n')}\n`)
      this.#drawnLines = lines.length
    } else this.#place.stream.write(`${lines.join(', ')}\n`)
  }

  #erase(): void {
    if (this.#drawnLines > 0) this.#place.stream.write(`\x1b[${this.#drawnLines}A\x1b[0J`)
    this.#drawnLines = 0
  }
}

/** Short enough for 80 columns. */
export function progressLines(tally: Tally, goal: Goal, elapsedMs: number): string[] {
  const { plans, simulatedMs, acked, unknown, violations, struck, kind } = tally
  const rate = plans / Math.max(elapsedMs / 1000, 0.001)
  const part = partDone(plans, goal, elapsedMs)
  const filled = Math.round(part * barColumns)
  const bar = '#'.repeat(filled) + '.'.repeat(barColumns - filled)
  const seeds = goal.seeds === undefined ? `${plans}` : `${plans} of ${goal.seeds}`
  const left = part > 0 && part < 1 ? `, ${shortTime((elapsedMs / part) * (1 - part))} left` : ''
  const hours = (simulatedMs / 3_600_000).toFixed(2)
  return [
    `${kind} [${bar}] ${seeds} plans, ${rate.toFixed(1)}/s${left}`,
    `${hours} simulated hours, ${struck} faults, ${acked} acked, ${unknown} unknown`,
    `${violations.length} violated`,
  ]
}

function partDone(plans: number, { seeds, limitMs }: Goal, elapsedMs: number): number {
  const bySeeds = seeds === undefined ? 0 : plans / seeds
  const byTime = limitMs === undefined ? 0 : elapsedMs / limitMs
  return Math.min(1, Math.max(bySeeds, byTime))
}

/** Whole seconds, and whole minutes from two on. */
function shortTime(ms: number): string {
  const unitMs = ms >= 120_000 ? 60_000 : 1000
  return durationText(Math.ceil(ms / unitMs) * unitMs)
}
