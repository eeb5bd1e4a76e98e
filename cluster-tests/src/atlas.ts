// The fault atlas: an account of what every disk of a run still holds undamaged, group by group, from
// which it says whether one more damage stays within the bound of docs/reference: every committed
// entry keeps an undamaged synced copy, and in each group the voters that lost term or extent, with
// those whose copy of one entry is damaged, stay a minority. Pure; it trusts bytes and no node.
// damage.ts asks it before each damage.
import type { Copies, IntactCopies, IntactReplica } from 'quorate/testing'

/** What is known of one damage before it is done. */
export type Verdict =
  | { readonly kind: 'within' }
  /** More than a cluster must survive; `why` names group and entry. */
  | { readonly kind: 'beyond'; readonly why: string }
  /** Nothing on the disk would show that something is gone: no cluster can survive it. */
  | { readonly kind: 'unnoticeable'; readonly why: string }

/** `extent`: the replica knows that it has lost entries, and not which. */
type Loss = 'term' | 'extent'

export interface AtlasOptions {
  /** A node that finds damage does not start: one damage costs all replicas of the node. */
  readonly wholeNodes: boolean
}

interface Group {
  voters: readonly number[]
  configurationIndex: number
  /** Node of each replica id. */
  readonly nodes: Map<number, string>
  /** By node: chains of the entries it was seen to hold whole. */
  readonly had: Map<string, Map<number, string>>
  /** Chains of entries that a quorum was seen to hold: all that is committed, and maybe more. */
  readonly committed: Map<number, string>
}

export class FaultAtlas {
  readonly #options: AtlasOptions
  readonly #images = new Map<string, IntactCopies>()
  readonly #groups = new Map<string, Group>()
  /** Losses that last, by node and group. */
  readonly #lost = new Map<string, Map<string, Loss>>()
  /** Nodes that cannot start any more. */
  readonly #out = new Set<string>()

  constructor(options: AtlasOptions) {
    this.#options = options
  }

  /** What all disks hold now; to be called before each question. */
  look(images: ReadonlyMap<string, IntactCopies>): void {
    for (const [node, image] of images) {
      this.#images.set(node, image)
      for (const replica of image.replicas.values()) this.#note(node, replica)
    }
    for (const group of this.#groups.values()) this.#settle(group)
  }

  /** Nodes that stay down until they are replaced. */
  get out(): ReadonlySet<string> {
    return this.#out
  }

  /** What it would mean if the disk of the node became this. */
  judge(node: string, after: IntactCopies): Verdict {
    const before = this.#images.get(node)
    if (before === undefined) return { kind: 'unnoticeable', why: `${node} was never looked at` }
    const old = olderThanPromised(before, after)
    if (old !== undefined) return { kind: 'unnoticeable', why: `${node}: ${old}` }
    const out = this.#isOut(after)
    const lost = lossesBetween(before, after)
    let beyond: Verdict | undefined
    for (const [key, group] of this.#groups) {
      if (!group.had.has(node)) continue
      const verdict = this.#judgeGroup(key, group, node, after, out, lost)
      if (verdict.kind === 'unnoticeable') return verdict
      if (verdict.kind === 'beyond') beyond ??= verdict
    }
    return beyond ?? { kind: 'within' }
  }

  /** The disk of the node has become this. */
  accept(node: string, after: IntactCopies): void {
    const before = this.#images.get(node)!
    if (this.#isOut(after)) this.#out.add(node)
    const known = this.#lost.get(node) ?? new Map<string, Loss>()
    for (const [key, loss] of lossesBetween(before, after)) {
      if (known.get(key) !== 'term') known.set(key, loss)
    }
    this.#lost.set(node, known)
    this.#images.set(node, after)
  }

  /** Whether these nodes may stay away for good: with the damage so far, all is kept and served. */
  canMiss(nodes: readonly string[]): boolean {
    for (const node of nodes) {
      const image = this.#images.get(node)
      if (image === undefined) return false
    }
    return [...this.#groups].every(([key, group]) => {
      const away = new Set([...nodes, ...this.#out])
      return this.#shortcoming(key, group, this.#images, away, this.#lost).kind === 'within'
    })
  }

  #note(node: string, replica: IntactReplica): void {
    const group = this.#group(replica.key)
    group.nodes.set(replica.replicaId, node)
    if (replica.configurationIndex >= group.configurationIndex && replica.voters.length > 0) {
      group.voters = replica.voters
      group.configurationIndex = replica.configurationIndex
    }
    let had = group.had.get(node)
    if (had === undefined) {
      had = new Map()
      group.had.set(node, had)
    }
    for (const [index, chain] of replica.entries) had.set(index, chain)
  }

  #group(key: string): Group {
    let group = this.#groups.get(key)
    if (group === undefined) {
      group = {
        voters: [],
        configurationIndex: -1,
        nodes: new Map(),
        had: new Map(),
        committed: new Map(),
      }
      this.#groups.set(key, group)
    }
    return group
  }

  /** Entries held by a quorum count as committed from now on. */
  #settle({ voters, nodes, had, committed }: Group): void {
    const holders = voters.map((voter) => had.get(nodes.get(voter) ?? ''))
    const quorum = quorumOf(voters.length)
    for (const held of holders) {
      for (const [index, chain] of held ?? []) {
        if (committed.has(index)) continue
        const copies = holders.filter((each) => each?.get(index) === chain).length
        if (copies >= quorum) committed.set(index, chain)
      }
    }
  }

  #isOut(after: IntactCopies): boolean {
    if (after.identities === 0 || !after.hasSecret) return true
    if (after.manifest === undefined || after.node === undefined) return true
    return this.#options.wholeNodes
  }

  #judgeGroup(
    key: string,
    group: Group,
    node: string,
    after: IntactCopies,
    isOut: boolean,
    losses: ReadonlyMap<string, Loss>,
  ): Verdict {
    const images = new Map(this.#images).set(node, after)
    const lost = new Map(this.#lost)
    lost.set(node, new Map([...(this.#lost.get(node) ?? []), ...losses]))
    const away = isOut ? new Set([...this.#out, node]) : this.#out
    return this.#shortcoming(key, group, images, away, lost)
  }

  #shortcoming(
    key: string,
    group: Group,
    images: ReadonlyMap<string, IntactCopies>,
    away: ReadonlySet<string>,
    lost: ReadonlyMap<string, ReadonlyMap<string, Loss>>,
  ): Verdict {
    const places = group.voters.map((voter): Place => {
      const node = group.nodes.get(voter)
      if (node === undefined) return unborn
      const replica = [...(images.get(node)?.replicas.values() ?? [])].find(
        (each) => each.key === key && each.replicaId === voter,
      )
      const abstains = away.has(node) || lost.get(node)?.has(key) === true
      const { start, startState } = replica ?? { start: 0, startState: true }
      const state = { start, startState, entries: replica?.entries, known: replica?.known }
      return { ...state, had: group.had.get(node), abstains: abstains || replica === undefined }
    })
    return shortcomingOf(key, group.committed, places)
  }
}

interface Place {
  readonly start: number
  readonly startState: boolean
  readonly entries: ReadonlyMap<number, string> | undefined
  readonly known: ReadonlySet<number> | undefined
  readonly had: ReadonlyMap<number, string> | undefined
  /** It knows that it may not vote, or never runs again. */
  readonly abstains: boolean
}

/** A voter whose replica does not exist yet. */
const unborn: Place = {
  start: 0,
  startState: true,
  entries: undefined,
  known: undefined,
  had: undefined,
  abstains: false,
}

function quorumOf(voters: number): number {
  return Math.floor(voters / 2) + 1
}

function shortcomingOf(
  key: string,
  committed: ReadonlyMap<number, string>,
  places: readonly Place[],
): Verdict {
  const quorum = quorumOf(places.length)
  const spare = places.length - quorum
  const beyond = (why: string): Verdict => ({ kind: 'beyond', why: `${key}: ${why}` })
  const abstaining = places.filter(({ abstains }) => abstains).length
  const start = Math.max(0, ...places.map((place) => place.start))
  let verdict: Verdict = { kind: 'within' }
  if (abstaining > spare) verdict = beyond(`${abstaining} voters have lost term or extent`)
  const stateless = places.filter(({ abstains, startState }) => !abstains && !startState).length
  if (stateless + abstaining > spare) verdict = beyond(`${stateless} lack the state at ${start}`)
  for (const [index, chain] of committed) {
    if (index <= start) continue
    let good = 0
    let damaged = 0
    let forgetful = 0
    for (const { abstains, entries, known, had } of places) {
      if (abstains) continue
      const isWhole = entries?.get(index) === chain
      if (isWhole) good += 1
      else if (had?.get(index) === chain) damaged += 1
      if (known?.has(index) !== true) forgetful += 1
    }
    if (forgetful >= quorum) {
      return { kind: 'unnoticeable', why: `${key}: ${forgetful} voters do not know of ${index}` }
    }
    if (good === 0) verdict = beyond(`no whole copy of ${index} is left`)
    else if (damaged + abstaining > spare)
      verdict = beyond(`${damaged} copies of ${index} are damaged`)
  }
  return verdict
}

/** Something written twice of which only older states are left. */
function olderThanPromised(before: IntactCopies, after: IntactCopies): string | undefined {
  if (isOlder(before.manifest, after.manifest)) return 'only old manifests are left'
  if (isOlder(before.node, after.node)) return 'only old states of the node are left'
  for (const [name, replica] of before.replicas) {
    if (isOlder(replica.hardState, after.replicas.get(name)?.hardState)) {
      return `only old states of ${name} are left`
    }
  }
  return undefined
}

function isOlder(before: Copies | undefined, after: Copies | undefined): boolean {
  return before !== undefined && after !== undefined && after.newest < before.settled
}

function lossesBetween(before: IntactCopies, after: IntactCopies): Map<string, Loss> {
  const losses = new Map<string, Loss>()
  const gone = [...before.wal.batches].filter((number) => !after.wal.batches.has(number))
  // A torn write leaves no trace behind it: only damage before later batches, or in a file whose
  // length or header is wrong, is seen.
  const isSeen = gone.some((number) => [...after.wal.batches].some((other) => other > number))
  const isExtentLost = gone.length > 0 && (isSeen || !after.wal.whole)
  for (const [name, { key }] of before.replicas) {
    if (!after.replicas.has(name)) losses.set(key, 'term')
    else if (isExtentLost) losses.set(key, 'extent')
  }
  return losses
}
