// Vote and copy arithmetic: how many are a majority, and how far a majority has come. Elections,
// commit, check-quorum and ReadIndex all ask this one file. It knows nothing of logs or messages.
// Seam: in a joint configuration a decision needs both halves, so the value reached is the minimum
// of `quorumValue` over the two, and an election is won only when both halves say 'won'.

export type Tally = 'won' | 'lost' | 'open'

export function majority(voters: number): number {
  return Math.floor(voters / 2) + 1
}

/** The highest value that a majority has reached. Sorts `values` in place; it must not be empty. */
export function quorumValue(values: number[]): number {
  // Insertion sort, descending: a group has at most a handful of voters, and this allocates nothing.
  for (let place = 1; place < values.length; place++) {
    const value = values[place] as number
    let before = place - 1
    while (before >= 0 && (values[before] as number) < value) {
      values[before + 1] = values[before] as number
      before--
    }
    values[before + 1] = value
  }
  return values[majority(values.length) - 1] as number
}

/** State of an election in which some of `voters` have answered. */
export function tally(voters: number, votes: ReadonlyMap<unknown, boolean>): Tally {
  let granted = 0
  for (const vote of votes.values()) if (vote) granted++
  if (granted >= majority(voters)) return 'won'
  const stillPossible = voters - (votes.size - granted)
  return stillPossible < majority(voters) ? 'lost' : 'open'
}
