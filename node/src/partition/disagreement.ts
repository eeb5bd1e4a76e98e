// The one failure of a state machine: a committed entry does not fit the state before it. Every
// rule was checked by the leader when the entry was appended, so this means a defect or damage,
// never bad input. The machine is unchanged after it; the actor halts the replica at that index and
// skips nothing. Thrown by partition/machine.ts and metadata/machine.ts.

export class MachineDisagreement extends Error {
  override readonly name: string = 'MachineDisagreement'
  /** Index of the entry that was not applied. */
  readonly index: number
  /** What is wrong with it. */
  readonly reason: string

  constructor(index: number, reason: string, cause?: unknown) {
    super(`entry ${index}: ${reason}`, cause === undefined ? undefined : { cause })
    this.index = index
    this.reason = reason
  }
}
