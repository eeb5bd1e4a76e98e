// The configuration of one group as its host follows it: which one is committed, where its members
// live, and the entries that change it. Which change is legal the core decides. Previous stop:
// raft-host.ts; next: configuration-entry.ts.
import type { Configuration, RaftEffect } from '@quorate/raft'
import type { LogEntry } from '../storage/log-entry.ts'
import type { GroupLog } from '../storage/storage.ts'
import type { EntryRun } from './entry-run.ts'
import type { GroupNodes } from './group-nodes.ts'

type Changed = Extract<RaftEffect<LogEntry>, { type: 'configuration' }>

export class GroupMembers {
  readonly #log: GroupLog
  readonly #nodes: GroupNodes
  #committed: Configuration

  constructor(log: GroupLog, nodes: GroupNodes, committed: Configuration) {
    this.#log = log
    this.#nodes = nodes
    this.#committed = committed
    for (const entry of log.entriesFrom(log.base.index + 1)) nodes.learnFrom(entry)
  }

  /** The newest that is known to be committed. */
  get committed(): Configuration {
    return this.#committed
  }

  changed({ configuration, committed }: Changed): void {
    if (committed) this.#committed = configuration
  }

  /** Once the log has the entry: where its members live. */
  learn(index: number): void {
    if (index <= this.#log.base.index || index > this.#log.lastIndex) return
    this.#nodes.learnFrom(this.#log.entriesFrom(index)[0]!)
  }

  draft(run: EntryRun, configuration: Configuration): LogEntry {
    return run.addConfiguration(configuration, (replica) => this.#nodes.nodeOf(replica))
  }
}
