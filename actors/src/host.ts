// The seam between the actor runtime and the world: what a host must provide so that actors can
// run. Production hosts are built in the two entry points (node's main.ts, the client's entry);
// the simulated host is in testing/. Nothing else may touch real clocks, timers or turns.

/** Reads time. Both values are integer milliseconds. */
export interface Clock {
  /** Never goes back; unrelated to the calendar. Leases, deadlines and elections use only this. */
  monotonicMs(): number
  /** Calendar time; may jump. Used for append times and for people. */
  wallMs(): number
}

export type TimerHandle = unknown

export interface Host extends Clock {
  /** Runs `fire` once, no earlier than `delayMs` from now. */
  setTimer(fire: () => void, delayMs: number): TimerHandle
  clearTimer(handle: TimerHandle): void
  /**
   * Runs `run` after the input that is ready now has been delivered (setImmediate in production).
   * The system asks for one turn at a time, however many messages wait.
   */
  nextTurn(run: () => void): void
}

/**
 * Randomness by key, never as a stream: the n-th value for a purpose depends on (seed, purpose, n)
 * alone, so that removing one use does not reshuffle all others when a failing plan is shrunk.
 */
export interface Random {
  /** A value in [0, bound). `purpose` names the decision, e.g. `n1/raft/7-0/election-timeout`. */
  integer(purpose: string, bound: number): number
}
