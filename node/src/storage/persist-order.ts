// Order of one replica's persist requests: hard state before the entries that depend on it, entries
// in the order of the requests, and completions in that order too. Knows nothing of files; storage.ts
// feeds it and carries out what it lets through.

export type PersistDone = (error?: Error) => void

export class PersistStep {
  readonly done: PersistDone
  /** Puts the request's entries into the WAL; called once, in order. */
  readonly enterWal: () => void
  hardStateDone: boolean
  settled = false

  constructor(done: PersistDone, enterWal: () => void, waitsForHardState: boolean) {
    this.done = done
    this.enterWal = enterWal
    this.hardStateDone = !waitsForHardState
  }
}

export class PersistOrder {
  /** Requests not yet completed, oldest first. */
  readonly #open: PersistStep[] = []
  /** Those that wait for hard state, their own or an earlier one's. */
  readonly #gate: PersistStep[] = []

  add(step: PersistStep): void {
    this.#open.push(step)
    this.#gate.push(step)
    this.#advance()
  }

  hardStateWritten(step: PersistStep): void {
    step.hardStateDone = true
    this.#advance()
  }

  /** The step is on disk; completes it and those behind it that are ready. */
  settle(step: PersistStep): void {
    step.settled = true
    while (this.#open[0]?.settled === true) this.#open.shift()!.done()
  }

  #advance(): void {
    while (this.#gate[0]?.hardStateDone === true) this.#gate.shift()!.enterWal()
  }
}
