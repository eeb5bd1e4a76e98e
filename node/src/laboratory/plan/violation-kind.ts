// Which violations are of one kind: those that say the same of other nodes, places, times and
// values. Decided by the words of the text alone, so that a new check needs nothing here.

/** Words that tell kinds apart; what follows are details, such as the stack of an error. */
const wordsMax = 10

/** The words of a violation without whatever is particular to one run. */
export function violationKind(violation: string): string {
  // Also where a line ends within JSON.
  const [line = ''] = violation.split(/\n|\\n/)
  const words = line.split(/[\s{}"]+/).filter((word) => /^[a-z][a-z.'-]*[,:;]?$/i.test(word))
  return words.slice(0, wordsMax).join(' ')
}

export function kindsOf(violations: readonly string[]): ReadonlySet<string> {
  return new Set(violations.map(violationKind))
}
