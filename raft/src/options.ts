// Options of one replica: defaults and the relations that must hold between them. Meaning and unit
// of each option stand at its field in types.ts. Checked once, when the replica is created; a wrong
// option is a mistake of the host and throws.
import { disorderOf, isReplicaId } from './membership.ts'
import type { RaftOptions } from './types.ts'

export type RaftTuning = Omit<RaftOptions, 'id' | 'configuration' | 'session'>

export const defaultRaftOptions: RaftTuning = {
  heartbeatMs: 100,
  electionTimeoutMinMs: 600,
  electionTimeoutMaxMs: 900,
  inflightMessagesMax: 64,
  inflightBytesMax: 8 * 1024 * 1024,
  appendBytesMax: 512 * 1024,
  snapshotChunkBytes: 256 * 1024,
  snapshotBytesMax: 64 * 1024 * 1024,
}

function require(condition: boolean, relation: string): void {
  if (!condition) throw new Error(`raft options: ${relation}`)
}

export function assertOptions(options: RaftOptions): void {
  require(isReplicaId(options.id), 'id is an integer above 0')
  // A replica that joins a group knows none of its members, not even itself, until it has the log.
  const disorder = disorderOf(options.configuration)
  require(disorder === undefined, `configuration: ${disorder}`)
  require(options.session > 0, 'session is above 0')
  require(options.heartbeatMs >= 1, 'heartbeatMs is at least 1')
  require(options.electionTimeoutMinMs >=
    3 * options.heartbeatMs, 'electionTimeoutMinMs is at least 3 × heartbeatMs')
  require(options.electionTimeoutMaxMs >=
    options.electionTimeoutMinMs, 'electionTimeoutMaxMs is at least electionTimeoutMinMs')
  require(options.inflightMessagesMax >= 1 &&
    options.inflightMessagesMax <= 1024, 'inflightMessagesMax is between 1 and 1024')
  require(options.inflightBytesMax >= 1, 'inflightBytesMax is at least 1')
  require(options.appendBytesMax >= 1, 'appendBytesMax is at least 1')
  require(options.snapshotChunkBytes >= 1, 'snapshotChunkBytes is at least 1')
  require(options.snapshotBytesMax >= 1, 'snapshotBytesMax is at least 1')
}
