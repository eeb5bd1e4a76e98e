// Who leads what, put together from the elections the nodes report: what faults are aimed with and
// what the one-leader checker is fed from. A leader that stepped down without a successor is still
// named: the fault then hits who led last.
import { type Election, OneLeader } from '../checkers/one-leader.ts'

export class Roles {
  /** Called for each election that nobody reported before. */
  elected: ((election: Election) => void) | undefined
  readonly violations: string[] = []
  readonly #checker = new OneLeader()
  readonly #latest = new Map<string, Election>()
  #elections = 0

  /** Elections of all groups so far. */
  get elections(): number {
    return this.#elections
  }

  observe(election: Election): void {
    const violation = this.#checker.observe(election)
    if (violation !== undefined) this.violations.push(violation)
    const latest = this.#latest.get(election.group)
    if (latest !== undefined && latest.term >= election.term) return
    this.#latest.set(election.group, election)
    this.#elections += 1
    this.elected?.(election)
  }

  /** Node that leads the group, by its key; undefined before its first election. */
  leaderOf(group: string): string | undefined {
    return this.#latest.get(group)?.node
  }
}
