// Branches and sites that 100 plans without damage may miss. All others must be met: a mix of plans
// that no longer gets there proves less than it seems to. Long runs ask more, of every site.
import { type ProbeName, probeNames, type Totals } from 'quorate/laboratory'

const rare: ReadonlySet<ProbeName> = new Set<ProbeName>([
  'client.redirected',
  'membership.hand-over-left-out',
  'partition.producer-fenced',
  'partition.producer-unknown',
  'partition.retired-while-read',
  'partition.sequence-refused',
  'raft.ack-capped',
  'raft.campaign-at-once',
  'raft.fence-passed',
  'raft.fence-raised',
  'raft.hand-over-damaged',
  'raft.joint-left-by-another',
  'raft.leader-left',
  'raft.quarantined',
  'raft.round-dropped',
  'raft.round-found',
  'raft.round-in-term',
  'raft.round-without-lost',
  'raft.snapshot-chunk-small',
  'raft.snapshot-installed',
  'raft.snapshot-resumed',
  'raft.snapshot-started',
  'raft.tail-recovered',
  'raft.tail-unknown',
  'raft.transfer-expired',
  'raft.voter-from-learner',
  'replica.apply-read-outdated',
  'replica.snapshot-instead',
  'storage.disk-full',
  'storage.record-lost',
  'storage.torn-batch-dropped',
  'storage.writable-again',
  'storage.write-again',
])

/** What every hundred plans must meet, and these did not. */
export function missed({ coverage }: Totals): readonly ProbeName[] {
  return probeNames.filter((name) => coverage[name] === 0 && !rare.has(name))
}

/** One line: in how many plans the rare ones were met. */
export function rareLine({ coverage }: Totals): string {
  const counts = [...rare].map((name) => `${name} ${coverage[name]}`)
  return `rare probes, plans that met them: ${counts.join(', ')}`
}
