// What a leader reads for peers that need more than is in memory: entries of its log, or the snapshot
// at log start when the log begins later. What storage reads it has verified, and what could not be
// read is not answered: it will be asked for again. Previous stop: raft-host.ts; next: storage.
import type { Configuration, RaftInput, ReplicaId } from '@quorate/raft'
import type { NodeProbe } from '../probes.ts'
import type { LogEntry } from '../storage/log-entry.ts'
import type { GroupLog } from '../storage/storage.ts'
import type { RaftHostOptions } from './raft-owner.ts'
import { SnapshotSource } from './snapshot-source.ts'

type Answer = (input: RaftInput<LogEntry>) => void

export class PeerFeed {
  readonly #log: GroupLog
  readonly #source: SnapshotSource
  readonly #answer: Answer
  readonly #probe: NodeProbe

  constructor(
    key: string,
    options: RaftHostOptions,
    committed: () => Configuration,
    answer: Answer,
  ) {
    const { storage, nodes, admitsSnapshot, recovered } = options
    this.#log = recovered.log
    this.#answer = answer
    this.#probe = options.probe
    this.#source = new SnapshotSource({
      key,
      log: recovered.log,
      storage,
      nodeOf: (replica) => nodes.nodeOf(replica),
      committed,
      admits: admitsSnapshot,
    })
  }

  entries(to: ReplicaId, fromIndex: number, bytesMax: number): void {
    const { start, lastIndex } = this.#log
    const isGone = fromIndex <= start.index
    if (isGone || (start.index > 0 && this.#probe.provoke('replica.snapshot-instead'))) {
      this.#answer({ type: 'entries-gone', to })
      return
    }
    const limit = { index: lastIndex, bytes: bytesMax }
    this.#log.read({ index: fromIndex }, limit, (error, previous, entries) => {
      if (error === undefined) this.#answer({ type: 'entries-read', to, previous, entries })
    })
  }

  snapshot(to: ReplicaId, offset: number, bytesMax: number): void {
    this.#source.read(offset, bytesMax, (piece) =>
      this.#answer({ type: 'snapshot-read', to, ...piece }),
    )
  }

  /** Now and then: what nobody asks for any more is let go. */
  look(): void {
    this.#source.look()
  }
}
