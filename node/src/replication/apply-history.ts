// What is known of a replica's failures across restarts of its actor: which entry it was applying
// when it failed, and how often in a row. After some failures at one index the replica halts there
// instead of failing for ever; no entry is ever skipped. Lives outside of the actor it watches.
import { limits } from '../limits.ts'

export class ApplyHistory {
  /** Index being applied; 0 when none is. Found above 0 at a restart: that entry threw. */
  #applying = 0
  #failedIndex = 0
  #failures = 0

  applying(index: number): void {
    this.#applying = index
  }

  applied(): void {
    this.#applying = 0
  }

  /** At each start of the actor: why it must not go on, or undefined. */
  haltReason(): string | undefined {
    if (this.#applying > 0) {
      this.#failures = this.#applying === this.#failedIndex ? this.#failures + 1 : 1
      this.#failedIndex = this.#applying
      this.#applying = 0
    }
    if (this.#failures < limits.replicaFailuresMax) return undefined
    return `entry ${this.#failedIndex} failed ${this.#failures} times`
  }
}
