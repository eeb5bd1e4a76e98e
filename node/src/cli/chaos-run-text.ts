// How `quorate chaos run` looks: a line on a terminal that is drawn again and again with the faults
// above it, without a terminal a line now and then, and the report in the end. Only text.
import type { ChaosProgress, ChaosReport } from '../laboratory/processes/chaos-report.ts'
import { table } from './output.ts'

const redrawMs = 500
const lineEveryMs = 30_000
const barColumns = 20

export interface Terminal {
  write(text: string): unknown
  readonly isTTY?: boolean
}

export class RunProgress {
  readonly #terminal: Terminal
  readonly #run: { readonly progress: ChaosProgress }
  readonly #durationMs: number
  readonly #timer: NodeJS.Timeout
  #last: ChaosProgress | undefined

  constructor(terminal: Terminal, run: { readonly progress: ChaosProgress }, durationMs: number) {
    this.#terminal = terminal
    this.#run = run
    this.#durationMs = durationMs
    const everyMs = this.#isTerminal ? redrawMs : lineEveryMs
    this.#timer = setInterval(() => this.#draw(everyMs), everyMs)
    this.#timer.unref()
  }

  /** A line that stays, above the one that is drawn again. Only for a terminal. */
  say(line: string): void {
    if (this.#isTerminal) this.#terminal.write(`\r\x1b[K${line}\n`)
  }

  end(): void {
    clearInterval(this.#timer)
    if (this.#isTerminal) this.#terminal.write('\r\x1b[K')
  }

  get #isTerminal(): boolean {
    return this.#terminal.isTTY === true
  }

  #draw(everyMs: number): void {
    const now = this.#run.progress
    const perSecond = ((now.acked - (this.#last?.acked ?? now.acked)) * 1000) / everyMs
    this.#last = now
    const line = progressLine(now, this.#durationMs, Math.round(perSecond))
    this.#terminal.write(this.#isTerminal ? `\r\x1b[K${line}` : `${line}\n`)
  }
}

/** Short enough for 100 columns. */
export function progressLine(now: ChaosProgress, durationMs: number, perSecond: number): string {
  const part = Math.min(1, now.elapsedMs / durationMs)
  const filled = Math.round(part * barColumns)
  const bar = '#'.repeat(filled) + '.'.repeat(barColumns - filled)
  const leftSeconds = Math.max(0, Math.ceil((durationMs - now.elapsedMs) / 1000))
  const left = `${Math.floor(leftSeconds / 60)}:${String(leftSeconds % 60).padStart(2, '0')}`
  const phase = now.phase === 'faults' ? `${left} left` : now.phase
  return (
    `[${bar}] ${phase}, ${perSecond} acked/s, ${now.faults} faults (${now.active} now), ` +
    `${now.nodesUp}/${now.nodes} nodes up, ${now.violations} violations`
  )
}

export interface WrittenFiles {
  readonly history?: string
  readonly folder?: string
}

export function reportLines(report: ChaosReport, files: WrittenFiles): string[] {
  const { faults, skipped, violations, longestGap: gap } = report
  const rows = Object.entries(faults).map(([fault, times]) => ({ fault, times }))
  return [
    `${report.nodes} nodes, ${report.minutes} minutes, ${report.rate} records/s, seed ${report.seed}`,
    `sends: ${report.acked} acked, ${report.unknown} unknown, ${report.failed} not stored`,
    `read: ${report.read} records`,
    `longest time without an ack of a partition: ${gap.ms} ms, from ${gap.fromMs} ms on`,
    ...(rows.length === 0 ? [] : [table(rows)]),
    ...Object.entries(skipped).map(([fault, why]) => `skipped ${fault}: ${why}`),
    ...(files.history === undefined
      ? []
      : [`history: ${files.history}; again: quorate chaos check ${files.history}`]),
    ...(files.folder === undefined ? [] : [`data and logs: ${files.folder}`]),
    ...violations.map((text) => `violation: ${text}`),
    violations.length === 0 ? 'nothing violated' : `VIOLATED: ${violations.length}`,
  ]
}
