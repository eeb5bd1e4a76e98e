// Rare branches of the broker that a simulation counts, and choices it may make for it, each of which
// is always allowed. One table for all that runs in a node: the names of the core and of the actor
// runtime are in it too. What they mean to a reader: docs/reference/probes.md.
import { actorProbes, type ProbeOf, type ProbeTable } from '@quorate/actors'
import { raftProbes } from '@quorate/raft'

export const nodeProbes = {
  reached: {
    ...raftProbes.reached,
    ...actorProbes.reached,
    'replica.apply-read-outdated': 'entries read for the machine belong to a log that began anew',
    'partition.duplicate-answered': 'a batch sent again is answered from the producer table',
    'partition.duplicate-awaited': 'a batch sent again waits for the commit of its original',
    'partition.producer-fenced': 'a batch of an older epoch is refused',
    'partition.sequence-refused': 'a batch is refused because one before it is missing',
    'partition.producer-unknown': 'a producer that is not known here does not begin at 0',
    'partition.write-abandoned': 'a leader steps down with writes that may yet be committed',
    'partition.fetch-before-serving': 'a fetch waits for the first commit of its leader',
    'partition.retired-while-read': 'records were retired while they were read for a fetch',
    'metadata.outcome-unknown': 'the metadata leader steps down with a command in its log',
    'replicas.tombstone-obeyed': 'a replica is dropped because a committed entry says so',
    'replicas.deleted-while-made': 'a topic is deleted while files of its replica are made',
    'replicas.amnesiac': 'a replica that was created here before has no files, or no term and vote',
    'mesh.peer-lost': 'a link broke and the peer refused another one',
    'mesh.item-refused-full': 'more waits for a link than it may hold',
    'storage.unproven-batch-kept':
      'the last batch of a WAL is written again: nothing proves it synced',
    'storage.torn-batch-dropped': 'a batch that was begun and is not whole is cut off',
    'storage.slot-mended': 'a slot of the hard state is written again from the other copy',
    'storage.record-lost': 'term and vote of a replica are readable nowhere',
    'storage.write-again': 'a batch met a full disk and is written again in a new file',
    'storage.disk-full': 'records are refused because the disk is full',
    'storage.writable-again': 'a full disk has room again',
    'storage.copied-forward': 'entries that cannot move are written again into the newest WAL file',
    'storage.hole-filled': 'lost entries are on disk again, or could be read after all',
  },
  provoke: {
    ...raftProbes.provoke,
    ...actorProbes.provoke,
    'replica.completion-later': 'what storage has completed reaches the core a turn later',
    'replica.apply-later': 'committed entries are applied a turn later',
    'replica.checkpoint-now': 'a checkpoint is taken after a few entries',
    'replica.snapshot-instead':
      'a peer gets the snapshot at log start although the entries are there',
    'replica.transfer-unasked': 'a leader hands over for no reason',
    'partition.write-refused': 'a write is refused as if too much waited',
    'partition.propose-later': 'gathered writes enter the log a turn later',
    'partition.fetch-short': 'a fetch is answered with one batch',
    'partition.fetch-ends-early': 'a fetch without new records is answered after 1 ms',
    'metadata.plan-later': 'the metadata leader leaves its own next steps for another look',
    'membership.step-later': 'a change of members takes no step at this look',
    'membership.hand-over-left-out':
      'a leader that is to go changes the members without handing over before',
    'mesh.frame-small': 'an item goes into a frame of its own',
    'mesh.outbox-full': 'a link on which more than a KiB waits refuses an item',
    'mesh.link-reset': 'a link that works is closed and made again',
    'storage.wal-batch-small': 'a WAL batch holds one request',
    'storage.wal-flush-later': 'the WAL gathers for one more turn',
    'storage.wal-file-early': 'a half full WAL file is taken for full',
    'storage.move-early': 'entries move to a segment although their WAL file is not full',
    'storage.cache-emptied': 'entries leave memory although there is room',
  },
} as const satisfies ProbeTable

export type NodeProbe = ProbeOf<typeof nodeProbes>
