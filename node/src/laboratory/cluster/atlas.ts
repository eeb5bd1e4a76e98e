// The fault atlas: an account of what every disk of a run still holds undamaged, group by group, from
// which it says whether one more damage stays within the bound of docs/reference: every committed
// entry keeps an undamaged synced copy, and in each group the voters that lost term or extent, with
// those whose copy of one entry is damaged, stay a minority. Pure; it trusts bytes and no node.
// damage.ts asks it before each damage.
import type { Configuration } from '@quorate/raft'
import type { Copies, IntactCopies, IntactReplica } from '../../simulation/intact-copies.ts'

/** What is known of one damage before it is done. */
export type Verdict =
  | { readonly kind: 'within' }
  /** More than a cluster must survive; `why` names group and entry. */
  | { readonly kind: 'beyond'; readonly why: string }
  /** Nothing on the disk would show that something is gone: no cluster can survive it. */
  | { readonly kind: 'unnoticeable'; readonly why: string }

/** `extent`: the replica knows that it has lost entries, and not which. */
type Loss = 'term' | 'extent'

type Images = ReadonlyMap<string, IntactCopies>
/** By replica folder name. */
type Losses = ReadonlyMap<string, Loss>

interface Group {
  configuration: Configuration
  configurationIndex: number
  /** Node of each replica id; ids are never used again. */
  readonly nodes: Map<number, string>
  /** By replica id: chains of the entries it was seen to hold whole. */
  readonly had: Map<number, Map<number, string>>
  /** Chains of entries that a quorum was seen to hold: all that is committed, and maybe more. */
  readonly committed: Map<number, string>
}

export class FaultAtlas {
  readonly #images = new Map<string, IntactCopies>()
  readonly #groups = new Map<string, Group>()
  /** Losses that last. */
  readonly #lost = new Map<string, Loss>()
  /** By node and name: the newest state that was seen in both copies. A node relies on it from then on. */
  readonly #promised = new Map<string, Map<string, number>>()
  /** Nodes that cannot start any more. */
  readonly #out = new Set<string>()

  /** What all disks hold now; to be called before each question. */
  look(images: Images): void {
    for (const [node, image] of images) {
      this.#images.set(node, image)
      for (const replica of image.replicas.values()) this.#note(node, replica)
      this.#promise(node, image)
    }
    for (const group of this.#groups.values()) settle(group)
  }

  /** Nodes that stay down until they are replaced. */
  get out(): ReadonlySet<string> {
    return this.#out
  }

  /** What it would mean if the disk of the node became this. */
  judge(node: string, after: IntactCopies): Verdict {
    const before = this.#images.get(node)
    if (before === undefined) return { kind: 'unnoticeable', why: `${node} was never looked at` }
    const old = this.#olderThanPromised(node, after)
    if (old !== undefined) return { kind: 'unnoticeable', why: `${node}: ${old}` }
    const images = new Map(this.#images).set(node, after)
    const lost = new Map([...this.#lost, ...this.#losses(node, before, after)])
    let beyond: Verdict | undefined
    for (const [key, group] of this.#groups) {
      if (![...group.nodes.values()].includes(node)) continue
      const verdict = judgeGroup(key, group, images, lost)
      if (verdict.kind === 'unnoticeable') return verdict
      if (verdict.kind === 'beyond') beyond ??= verdict
    }
    return beyond ?? { kind: 'within' }
  }

  /** The disk of the node has become this. */
  accept(node: string, after: IntactCopies): void {
    const before = this.#images.get(node)!
    if (isOut(after)) this.#out.add(node)
    for (const [name, copies] of statesOf(after)) {
      // It is noticed, and begins anew.
      if (copies === undefined) this.#promised.get(node)?.delete(name)
    }
    for (const [name, loss] of this.#losses(node, before, after)) {
      if (this.#lost.get(name) !== 'term') this.#lost.set(name, loss)
    }
    this.#images.set(node, after)
  }

  /** Another incarnation of the node begins with an empty disk; its old replicas stay lost. */
  replaced(node: string): void {
    this.#out.delete(node)
    this.#promised.delete(node)
  }

  /** The node's replica of the group has learnt again how far its log goes, and has synced that. */
  recovered(node: string, key: string): void {
    for (const [replicaId, place] of this.#groups.get(key)?.nodes ?? []) {
      const name = `${key}.${replicaId}`
      if (place === node && this.#lost.get(name) === 'extent') this.#lost.delete(name)
    }
  }

  /** Committed entries of the group of which a quorum of disks holds whole copies, in order. */
  wholeOf(key: string): readonly (readonly [index: number, chain: string])[] {
    const { committed = new Map<number, string>() } = this.#groups.get(key) ?? {}
    const replicas = [...this.#images.values()].flatMap((image) =>
      [...image.replicas.values()].filter((replica) => replica.key === key),
    )
    const voters = this.#groups.get(key)?.configuration.voters.length ?? 0
    return [...committed]
      .filter(([index, chain]) => {
        const copies = replicas.filter(({ entries }) => entries.get(index) === chain).length
        return copies >= quorumOf(voters)
      })
      .sort(([one], [other]) => one - other)
  }

  /** Committed entries of the group, above its start, of which no disk holds a whole copy: indexes. */
  bareOf(key: string): readonly number[] {
    const replicas = [...this.#images.values()].flatMap((image) =>
      [...image.replicas.values()].filter((replica) => replica.key === key),
    )
    const start = Math.max(0, ...replicas.map((replica) => replica.start))
    return [...(this.#groups.get(key)?.committed ?? [])]
      .filter(([index, chain]) => {
        return index > start && replicas.every(({ entries }) => entries.get(index) !== chain)
      })
      .map(([index]) => index)
  }

  /** Whether these nodes may stay away for good: with the damage so far, all is kept and served. */
  canMiss(nodes: readonly string[]): boolean {
    const lost = new Map(this.#lost)
    for (const [key, { nodes: places }] of this.#groups) {
      for (const [replicaId, node] of places) {
        if (nodes.includes(node)) lost.set(`${key}.${replicaId}`, 'term')
      }
    }
    return [...this.#groups].every(
      ([key, group]) => judgeGroup(key, group, this.#images, lost).kind === 'within',
    )
  }

  #note(node: string, replica: IntactReplica): void {
    const { key, replicaId, configuration, configurationIndex } = replica
    const group = this.#group(key)
    group.nodes.set(replicaId, node)
    if (configurationIndex >= group.configurationIndex && configuration.voters.length > 0) {
      group.configuration = configuration
      group.configurationIndex = configurationIndex
    }
    let had = group.had.get(replicaId)
    if (had === undefined) {
      had = new Map()
      group.had.set(replicaId, had)
    }
    for (const [index, chain] of replica.entries) had.set(index, chain)
  }

  #promise(node: string, image: IntactCopies): void {
    const promised = this.#promised.get(node) ?? new Map<string, number>()
    this.#promised.set(node, promised)
    for (const [name, copies] of statesOf(image)) {
      if (copies === undefined) continue
      promised.set(name, Math.max(copies.settled, promised.get(name) ?? 0))
    }
  }

  /** Only older states are left of what was promised, perhaps since a copy became old earlier. */
  #olderThanPromised(node: string, after: IntactCopies): string | undefined {
    for (const [name, copies] of statesOf(after)) {
      const promised = this.#promised.get(node)?.get(name) ?? 0
      if (copies !== undefined && copies.newest < promised) {
        return `only old states of ${name} are left`
      }
    }
    return undefined
  }

  #group(key: string): Group {
    let group = this.#groups.get(key)
    if (group === undefined) {
      const configuration = { voters: [] }
      const maps = { nodes: new Map(), had: new Map(), committed: new Map() }
      group = { configuration, configurationIndex: -1, ...maps }
      this.#groups.set(key, group)
    }
    return group
  }

  #losses(node: string, before: IntactCopies, after: IntactCopies): Losses {
    if (!isOut(after)) return lossesBetween(before, after)
    const names = [...this.#groups].flatMap(([key, { nodes }]) =>
      [...nodes].filter(([, place]) => place === node).map(([id]) => `${key}.${id}`),
    )
    return new Map(names.map((name) => [name, 'term']))
  }
}

/** What is left does not say whose folder it is, or which files it must have. */
function isOut({ identities, hasSecret, manifest }: IntactCopies): boolean {
  return identities === 0 || !hasSecret || manifest === undefined
}

/** Entries held by a quorum count as committed from now on. */
function settle({ configuration, had, committed }: Group): void {
  for (const voters of halves(configuration)) {
    const holders = voters.map((voter) => had.get(voter))
    const quorum = quorumOf(voters.length)
    for (const held of holders) {
      for (const [index, chain] of held ?? []) {
        if (committed.has(index)) continue
        const copies = holders.filter((each) => each?.get(index) === chain).length
        if (copies >= quorum) committed.set(index, chain)
      }
    }
  }
}

/** While members change, both halves must be able to decide. */
function halves({ voters, outgoing = [] }: Configuration): (readonly number[])[] {
  return outgoing.length === 0 ? [voters] : [voters, outgoing]
}

function judgeGroup(key: string, group: Group, images: Images, lost: Losses): Verdict {
  let worst: Verdict = { kind: 'within' }
  for (const voters of halves(group.configuration)) {
    const places = voters.map((voter) => placeOf(key, voter, group, images, lost))
    const verdict = shortcomingOf(key, group.committed, places)
    if (verdict.kind === 'unnoticeable') return verdict
    if (verdict.kind === 'beyond') worst = verdict
  }
  return worst
}

function placeOf(
  key: string,
  replicaId: number,
  group: Group,
  images: Images,
  lost: Losses,
): Place {
  const node = group.nodes.get(replicaId)
  if (node === undefined) return unborn
  const name = `${key}.${replicaId}`
  const replica = images.get(node)?.replicas.get(name)
  const { start, startState } = replica ?? { start: 0, startState: true }
  return {
    start,
    startState,
    entries: replica?.entries,
    known: replica?.known,
    had: group.had.get(replicaId),
    abstains: replica === undefined || lost.has(name),
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
    if (index <= start) {
      // Somebody has retired it. Who has not, and cannot read it, may get it from nobody.
      const holed = places.filter((place) => isHoled(place, index, chain)).length
      if (holed > 0 && holed + abstaining > spare)
        verdict = beyond(`${holed} copies of ${index}, which others have retired, are damaged`)
      continue
    }
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

function isHoled({ abstains, start, entries, had }: Place, index: number, chain: string): boolean {
  return !abstains && start < index && had?.get(index) === chain && entries?.get(index) !== chain
}

/** What is written twice, by name. */
function statesOf({
  manifest,
  node,
  replicas,
}: IntactCopies): (readonly [string, Copies | undefined])[] {
  const hardStates = [...replicas].map(([name, { hardState }]) => [name, hardState] as const)
  return [['the manifest', manifest], ['the node', node], ...hardStates]
}

function lossesBetween(before: IntactCopies, after: IntactCopies): Losses {
  const losses = new Map<string, Loss>()
  const gone = [...before.wal.batches].filter((number) => !after.wal.batches.has(number))
  // A torn write leaves no trace behind it: only damage before later batches, or in a file whose
  // length or header is wrong, is seen.
  const isSeen = gone.some((number) => [...after.wal.batches].some((other) => other > number))
  const isFileLost = !after.wal.whole
  // A file that cannot be read might have held anything, though it held nothing.
  const isExtentLost = gone.length > 0 ? isSeen || isFileLost : isFileLost && before.wal.whole
  for (const name of before.replicas.keys()) {
    if (!after.replicas.has(name)) losses.set(name, 'term')
    else if (isExtentLost) losses.set(name, 'extent')
  }
  return losses
}
