// What a replica has lost and gets back from others: entries of its log (repair-driver.ts) and the
// state at log start (state-fetch.ts). Joins both to the replica's mailbox, its peers and its host;
// decides nothing about what a damaged replica may do meanwhile. Previous stop: replica-shell.ts.
import type { LogPoint, ReplicaId } from '@quorate/raft'
import type { GroupKey } from '../storage/log-entry.ts'
import type { RecoveredGroup, Storage } from '../storage/storage.ts'
import type { GroupNodes } from './group-nodes.ts'
import type { RaftHost } from './raft-host.ts'
import { type FetchEntries, peerNodes, RepairDriver } from './repair-driver.ts'
import { type FetchState, StateFetch, type StateFetchOptions } from './state-fetch.ts'

export interface LostPartsOptions {
  readonly key: GroupKey
  readonly recovered: RecoveredGroup
  readonly nodes: GroupNodes
  readonly storage: Storage
  readonly fetchEntries: FetchEntries
  readonly fetchState: FetchState
  /** Can the machine be that? */
  accepts(state: Uint8Array, point: LogPoint): boolean
  /** The log need not begin before this index: others have retired what is below. */
  retired(throughIndex: number): void
  /** Runs it in the replica's own turn, if the replica still lives then. */
  inTurn(run: () => void): void
  /** The same after so long; a later call of the same name replaces an earlier one. */
  runAfter(name: string, delayMs: number, run: () => void): void
  event(name: string, fields: Readonly<Record<string, unknown>>): void
}

export class LostParts {
  readonly #options: LostPartsOptions
  #host: RaftHost | undefined
  #entries: RepairDriver | undefined
  #state: StateFetch | undefined

  constructor(options: LostPartsOptions) {
    this.#options = options
  }

  /** Nothing of the log can be applied without the state before it. `fetched`: it is on disk. */
  awaitState(fetched: () => void): void {
    const { recovered, event } = this.#options
    const { start, durableIndex } = recovered.log
    event('replica.state-lost', { index: start.index })
    const range = { fromIndex: start.index, lastIndex: durableIndex }
    this.#state = this.#stateFetch(() => range, fetched)
    this.#state.look()
  }

  /** The replica runs; damage is found at its start and while it runs. */
  begin(host: RaftHost): void {
    this.#host = host
    this.#entries = this.#repairDriver(host)
    const missing = () => {
      const lost = host.log.holes().find(({ where }) => where === 'checkpoint')
      return lost && { fromIndex: lost.firstIndex, lastIndex: lost.lastIndex }
    }
    this.#state = this.#stateFetch(missing, () => host.holesChanged())
    this.look()
  }

  /** There may be more to get back. */
  look(): void {
    this.#entries?.look()
    this.#state?.look()
  }

  #peers(): readonly string[] {
    const { recovered, nodes } = this.#options
    const configuration = this.#host?.inspect().configuration ?? recovered.configuration
    const nodeOf = (replica: ReplicaId) => nodes.nodeOf(replica)
    const members = peerNodes(configuration, recovered.replicaId, nodeOf)
    if (members.length > 0) return members
    // A new replica knows no members when the entry that made it one is among those it lost.
    return peerNodes({ voters: nodes.all() }, recovered.replicaId, nodeOf)
  }

  #repairDriver(host: RaftHost): RepairDriver {
    const { key, storage, fetchEntries, retired, inTurn, runAfter, event } = this.#options
    const driver: RepairDriver = new RepairDriver({
      key,
      log: host.log,
      storage,
      fetch: fetchEntries,
      peers: () => this.#peers(),
      inTurn,
      lookAfter: (delayMs) => runAfter('repair', delayMs, () => driver.waited()),
      repaired: (entries) => host.repaired(entries),
      retired,
      event,
    })
    return driver
  }

  #stateFetch(missing: StateFetchOptions['missing'], fetched: () => void): StateFetch {
    const { key, recovered, storage, fetchState, accepts, inTurn, runAfter, event } = this.#options
    return new StateFetch({
      key,
      log: recovered.log,
      storage,
      fetch: fetchState,
      missing,
      peers: () => this.#peers(),
      accepts,
      inTurn,
      runAfter: (delayMs, run) => runAfter('state', delayMs, run),
      fetched,
      event,
    })
  }
}
