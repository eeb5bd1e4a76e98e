// The report of a long run with real processes: one JSON line for each round, appended as soon as it
// is known, so that a run that was ended goes on behind it. Knows nothing of what a round is.
import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

interface Line {
  readonly seed: number
  readonly round: number
}

export class ProcessReport {
  readonly path: string
  readonly #seed: number

  /** `name`: of the run, and of its file below cluster-tests/reports. */
  constructor(name: string, seed: number) {
    this.path = resolve(import.meta.dirname, `../../reports/${name}.jsonl`)
    this.#seed = seed
  }

  /** Number of the first round of this seed that is not there. */
  get nextRound(): number {
    if (!existsSync(this.path)) return 0
    const lines = readFileSync(this.path, 'utf8').split('\n')
    const known = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Line)
    const rounds = known.filter(({ seed }) => seed === this.#seed).map(({ round }) => round)
    return Math.max(-1, ...rounds) + 1
  }

  add(round: number, fields: object): void {
    mkdirSync(dirname(this.path), { recursive: true })
    const at = new Date().toISOString()
    const line = { ...fields, seed: this.#seed, round, commit, at }
    appendFileSync(this.path, `${JSON.stringify(line)}\n`)
  }
}

const commit = commitOfTree()

/** With a plus when files differ from it; `unknown` outside a repository. */
function commitOfTree(): string {
  try {
    const git = (...words: string[]) =>
      execFileSync('git', words, { cwd: import.meta.dirname, encoding: 'utf8' }).trim()
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', ':!:../../reports')
    return `${git('rev-parse', '--short=12', 'HEAD')}${changed === '' ? '' : '+'}`
  } catch {
    return 'unknown'
  }
}
