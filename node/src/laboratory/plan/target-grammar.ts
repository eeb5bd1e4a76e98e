// Whom a fault is aimed at, as text in a plan. Targets name roles at the moment the fault happens, so
// that a plan keeps its meaning while steps are taken away. Here is the grammar only; targets.ts
// finds the nodes.
//
//   target   = one | "all" | "minority:" NUMBER | one "/" one | client "/" one | client
//   one      = "node:" NUMBER                    the n-th node, counted from 0, modulo their number
//            | "leader:" group                   who leads the group now
//            | "follower:" group ":" NUMBER      the n-th of its other replicas
//            | "new-leader:" group late          waits up to 2 s for the group's next election, then its
//                                              winner
//            | "new-follower:" group ":" NUMBER late   waits likewise, then the n-th of the others
//   late     = "" | "+" NUMBER                   so many milliseconds after the election
//   client   = "client:" NUMBER
//   group    = "metadata" | NUMBER               a partition of the topic

export type GroupName = 'metadata' | number

export type OneTarget =
  | { readonly kind: 'one'; readonly role: 'node'; readonly number: number }
  | {
      readonly kind: 'one'
      readonly role: 'leader' | 'follower'
      readonly group: GroupName
      readonly number: number
      /** Waits for the next election of the group … */
      readonly fresh: boolean
      /** … and so much longer. */
      readonly lateMs: number
    }

export type Target =
  | OneTarget
  | ClientTarget
  | { readonly kind: 'all' }
  | { readonly kind: 'minority'; readonly number: number }
  | { readonly kind: 'pair'; readonly first: OneTarget | ClientTarget; readonly second: OneTarget }

export interface ClientTarget {
  readonly kind: 'client'
  readonly number: number
}

export type TargetKind = Target['kind']

export function parseTarget(text: string): Target | undefined {
  if (text === 'all') return { kind: 'all' }
  const minority = /^minority:(\d{1,6})$/.exec(text)
  if (minority !== null) return { kind: 'minority', number: Number(minority[1]) }
  const slash = text.indexOf('/')
  if (slash === -1) return parseClient(text) ?? parseOne(text)
  const first = parseClient(text.slice(0, slash)) ?? parseOne(text.slice(0, slash))
  const second = parseOne(text.slice(slash + 1))
  return first === undefined || second === undefined ? undefined : { kind: 'pair', first, second }
}

function parseClient(text: string): ClientTarget | undefined {
  const client = /^client:(\d{1,6})$/.exec(text)
  return client === null ? undefined : { kind: 'client', number: Number(client[1]) }
}

function parseOne(text: string): OneTarget | undefined {
  const node = /^node:(\d{1,6})$/.exec(text)
  if (node !== null) return { kind: 'one', role: 'node', number: Number(node[1]) }
  const role = /^(new-)?(leader|follower):(metadata|\d{1,3})(?::(\d{1,6}))?(?:\+(\d{1,4}))?$/.exec(
    text,
  )
  if (role === null) return undefined
  const [, fresh, name, group, number, late] = role
  if (fresh === undefined && late !== undefined) return undefined
  if ((name === 'leader') !== (number === undefined)) return undefined
  return {
    kind: 'one',
    role: name as 'leader' | 'follower',
    group: group === 'metadata' ? group : Number(group),
    number: Number(number ?? 0),
    fresh: fresh !== undefined,
    lateMs: Number(late ?? 0),
  }
}

/** The election a step waits for, if it waits. */
export function awaited(
  target: Target,
): { readonly group: GroupName; readonly lateMs: number } | undefined {
  const ones = target.kind === 'pair' ? [target.first, target.second] : [target]
  for (const one of ones) {
    if (one.kind === 'one' && one.role !== 'node' && one.fresh) return one
  }
  return undefined
}
