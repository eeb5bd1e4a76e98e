// At most one leader per group and term. Fed with every election the nodes report, across all lives
// of their processes.

export interface Election {
  readonly group: string
  readonly term: number
  readonly node: string
  readonly atMs: number
}

export class OneLeader {
  readonly #leaders = new Map<string, Election>()

  /** A violation, if this election contradicts an earlier one. */
  observe(election: Election): string | undefined {
    const key = `${election.group}/${election.term}`
    const before = this.#leaders.get(key)
    if (before === undefined) this.#leaders.set(key, election)
    if (before === undefined || before.node === election.node) return undefined
    const { group, term, node, atMs } = election
    return `${before.node} (at ${before.atMs} ms) and ${node} (at ${atMs} ms) lead ${group} in term ${term}`
  }
}
