// Bugs of storage and repair: what should be on disk is not, or damage is taken for something else.
import type { Mutant } from './mutant.ts'

export const storageMutants: readonly Mutant[] = [
  {
    name: 'wal-not-synced',
    harm: 'the log is written and not synced before it is acknowledged',
    patches: [
      {
        file: 'node/src/storage/wal.ts',
        find: 'file.file.writeDurable(pieces',
        replace: 'file.file.write(pieces',
      },
    ],
    budget: { plans: 30, cpuSeconds: 60 },
    says: /is synced on|on no quorum/,
  },
  {
    name: 'vote-not-synced',
    bug: 23,
    harm: 'term and vote are written and not synced: a power loss takes them back',
    patches: [
      {
        file: 'node/src/storage/hard-state.ts',
        find: 'file.writeDurable([only.bytes]',
        replace: 'file.write([only.bytes]',
      },
      {
        file: 'node/src/storage/hard-state.ts',
        find: 'if (running === 0) file.sync(this.#settle(then))',
        replace: 'if (running === 0) then()',
      },
    ],
    budget: { plans: 30, cpuSeconds: 60 },
    says: /lead .* in term|which was acked/,
  },
  {
    name: 'rename-not-synced',
    harm: 'a file is replaced without a sync of its folder: a power loss brings the old one back',
    patches: [
      {
        file: 'node/src/storage/replace-file.ts',
        find: '    else disk.syncFolder(folderOf(path), done)\n',
        replace: '    else done(undefined)\n',
      },
    ],
    budget: { plans: 30, cpuSeconds: 60 },
    says: /survives on|is damaged by nobody|ended by itself/,
  },
  {
    name: 'segment-not-synced',
    harm: 'entries leave the log for a segment that is not synced',
    patches: [
      {
        file: 'node/src/storage/segment-move.ts',
        find: '        (settle) => file.sync(settle),\n',
        replace: '        (settle) => settle(undefined),\n',
      },
    ],
    budget: { plans: 30, cpuSeconds: 60 },
    says: /survives on|is damaged by nobody/,
  },
  {
    name: 'damage-ends-the-log',
    kind: 'sim-storage',
    harm: 'a start ends the log before the first entry that it cannot read, and says nothing',
    patches: [
      {
        file: 'node/src/storage/wal-replay.ts',
        find: '    if (isMissing(entry)) return undefined\n',
        replace: "    if (isMissing(entry)) return 'unreadable'\n",
      },
      {
        file: 'node/src/storage/wal-replay.ts',
        find: 'return { entries: live, reset: this.#reset, unknown, cut }',
        replace: 'return { entries: live, reset: this.#reset, unknown: undefined, cut }',
      },
    ],
    budget: { plans: 60, cpuSeconds: 150 },
    says: /which was acked/,
  },
]
