// Bugs of the broker around the core and of the client: offsets, duplicates, retention, deletion.
import type { Mutant } from './mutant.ts'

export const nodeMutants: readonly Mutant[] = [
  {
    name: 'early-duplicate',
    harm: 'a batch sent again is acknowledged while its original may still be lost',
    patches: [
      {
        file: 'node/src/partition/partition-leader.ts',
        find: 'decision.index > host.applied',
        replace: 'decision.index < 0',
      },
    ],
    budget: { plans: 30, cpuSeconds: 60 },
    says: /was acked .* on no quorum|is synced on/,
  },
  {
    name: 'ack-before-commit',
    harm: 'a leader acknowledges what only it has',
    patches: [
      {
        file: 'node/src/partition/partition-leader.ts',
        find: '      this.#writes.await(entry.index, write, baseOffset)\n',
        replace: '      this.#writes.succeed(write, baseOffset)\n',
      },
    ],
    budget: { plans: 30, cpuSeconds: 60 },
    says: /was acked .* on no quorum|is synced on/,
  },
  {
    name: 'serves-before-own-term',
    bug: 24,
    harm: 'a new leader serves before it knows what is committed',
    patches: [
      {
        file: 'raft/src/leader.ts',
        find: '    serving: false,\n',
        replace: '    serving: true,\n',
      },
      {
        file: 'node/src/partition/partition-leader.ts',
        find: 'index > this.#around.host.applied || !this.ready) continue',
        replace: 'index > this.#around.host.applied) continue',
      },
    ],
    budget: { plans: 30, cpuSeconds: 60 },
    says: /^(stale-end|end-went-back)/,
  },
  {
    name: 'fetch-above-high-watermark',
    harm: 'readers see records that are not committed and may disappear',
    patches: [
      {
        file: 'node/src/partition/partition-leader.ts',
        find: '      highWatermark: machine.nextOffset,\n      logEndOffset',
        replace: '      highWatermark: this.#admission!.nextOffset,\n      logEndOffset',
      },
      {
        file: 'node/src/partition/partition-leader.ts',
        find: 'host.log.read({ offset }, { index: host.applied, bytes }',
        replace: 'host.log.read({ offset }, { index: host.log.lastIndex, bytes }',
      },
    ],
    budget: { plans: 30, cpuSeconds: 60 },
    says: /^(inconsistent-offsets|lost-write|poll-skip)/,
  },
  {
    name: 'resend-appended-again',
    harm: 'a batch that is sent again after a lost answer is there twice',
    patches: [
      {
        file: 'node/src/partition/producer-table.ts',
        find: "return { kind: 'duplicate', offset: same ? batch.baseOffset : -1, index: batch.index }",
        replace: 'return next',
      },
    ],
    budget: { plans: 30, cpuSeconds: 60 },
    says: /^duplicate/,
  },
  {
    name: 'unknown-called-not-applied',
    harm: 'a client says that a record was not applied when nobody knows',
    patches: [
      {
        file: 'client/src/core/delivery.ts',
        find: 'const reached = batch.uncertain || batch.attempts > 0',
        replace: 'const reached = batch.settled',
      },
    ],
    budget: { plans: 30, cpuSeconds: 60 },
    says: /^aborted-read/,
  },
  {
    name: 'orphans-deleted',
    bug: 26,
    harm: 'a node deletes data that the metadata it has read so far do not name',
    patches: [
      {
        file: 'node/src/partition/partition-supervisor.ts',
        find: '    this.#forget([...assignments, ...orders])\n',
        replace:
          '    for (const [key, replicaId] of this.#options.files) {\n' +
          '      if (assignments.some(({ group }) => groupKey(group) === key)) continue\n' +
          "      const [topicId, partition] = key.split('-').map(Number)\n" +
          '      if (topicId === metadataGroup.topicId) continue\n' +
          '      this.#drop({\n' +
          '        group: { topicId: topicId!, partition: partition! },\n' +
          "        replicaId, deletedIndex: 0, scope: 'replica',\n" +
          '      })\n' +
          '    }\n' +
          '    this.#forget([...assignments, ...orders])\n',
      },
    ],
    budget: { plans: 30, cpuSeconds: 60 },
    says: /take no writes|survives on|^lost-write|^unseen|has lost/,
  },
]
