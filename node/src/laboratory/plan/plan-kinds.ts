// The kinds of plans, as a table: a word for each on the command line and in reports, and what it means.
// How each is drawn: plan-of-seed.ts. Light enough for a help text: it loads nothing.

export const planKindTable = {
  sim: 'faults of network, processes and disks, and no damage',
  'sim-storage': 'files are damaged, within what a cluster survives',
  'sim-beyond': 'more is damaged than a cluster survives',
  'sim-membership': 'nodes come, go and are replaced, and partitions move',
  'sim-mixed': 'all of these together, and faults of messages, clocks and clients',
  'sim-shaped': 'a few faults that do harm only together, in the order that needs',
} as const satisfies Readonly<Record<string, string>>

export type PlanKind = keyof typeof planKindTable

export const planKinds = Object.keys(planKindTable) as readonly PlanKind[]

export function isPlanKind(name: string): name is PlanKind {
  return Object.hasOwn(planKindTable, name)
}
