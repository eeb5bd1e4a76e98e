// Crashes a simulated process exactly before or after one of its disk operations, those of recovery
// included: the way to visit every moment between any two of them. Counts only operations that
// change the disk; a crash between two reads is one of the moments between two changes. What a crash
// does to the disk: simulated-disk.ts.

export interface CrashPoint {
  /** Which of the operations to come: 1 is the next one that changes the disk. */
  readonly operation: number
  /** Before: the operation may be done in part, as far as a crash tears it. After: it is done. */
  readonly when: 'before' | 'after'
}

/** Thrown out of a synchronous operation of a process that crashed in it, or earlier. */
export class DiskCrash extends Error {
  constructor(path: string) {
    super(`${path}: used in or after the crash of its process`)
    this.name = 'DiskCrash'
  }
}

export class CrashPoints {
  #count = 0
  #due: { readonly at: number; readonly point: CrashPoint; readonly crash: () => void } | undefined

  /** Operations so far that changed the disk, one that a crash came before included. */
  get count(): number {
    return this.#count
  }

  /** `crash` ends the process; a point that is set already is replaced. */
  set(point: CrashPoint, crash: () => void): void {
    this.#due = { at: this.#count + point.operation, point, crash }
  }

  /** A point is set and not reached. */
  get pending(): boolean {
    return this.#due !== undefined
  }

  /** False when the point was never reached. */
  clear(): boolean {
    const reached = this.#due === undefined
    this.#due = undefined
    return reached
  }

  /** An operation that changes the disk is to be done now. True: the process is gone. */
  before(): boolean {
    this.#count += 1
    return this.#reached('before')
  }

  after(): boolean {
    return this.#reached('after')
  }

  #reached(when: CrashPoint['when']): boolean {
    const due = this.#due
    if (due === undefined || due.at !== this.#count || due.point.when !== when) return false
    this.#due = undefined
    due.crash()
    return true
  }
}
