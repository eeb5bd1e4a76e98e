// What a step of a plan has done: how it ends, and whether anything met it. Made by what carries out
// faults, kept by faults.ts.

export interface Struck {
  /** Ends it; not called when everything is healed at once. */
  undo(): void
  /** Whether something met it so far. Absent: it is an effect in itself, as a crash is. */
  met?(): boolean
}

/** For what is over at once. */
export const nothingToUndo = (): void => {}
