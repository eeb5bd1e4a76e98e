// Random schedules of everything that may happen to a group: the arbitrary. run.ts plays one of them
// on a RaftCluster; model.property.test.ts asserts over many.
import fc from 'fast-check'

/** Replicas are meant by their place, counted over the group. */
export type Action =
  | { readonly type: 'propose'; readonly count: number }
  | { readonly type: 'read' }
  | { readonly type: 'transfer'; readonly to: number }
  | { readonly type: 'release'; readonly place: number }
  | { readonly type: 'compact'; readonly place: number }
  | { readonly type: 'compact-all' }
  | { readonly type: 'add' }
  | { readonly type: 'change'; readonly voters: readonly number[] }
  | { readonly type: 'replace'; readonly place: number }
  | { readonly type: 'crash'; readonly place: number; readonly kept: number }
  | { readonly type: 'restart'; readonly place: number }
  | { readonly type: 'stall-disk'; readonly place: number }
  | { readonly type: 'resume-disk'; readonly place: number }
  | { readonly type: 'cut'; readonly place: number; readonly other: number }
  | { readonly type: 'cut-one-way'; readonly place: number; readonly other: number }
  | { readonly type: 'isolate'; readonly place: number }
  | { readonly type: 'isolate-leader' }
  | { readonly type: 'leave-leader-one'; readonly place: number }
  | { readonly type: 'lose-leader' }
  | { readonly type: 'coup'; readonly place: number }
  | { readonly type: 'crash-leader'; readonly kept: number }
  | { readonly type: 'ambush'; readonly afterMs: number }
  | { readonly type: 'campaign'; readonly place: number }
  | { readonly type: 'heal' }
  | { readonly type: 'connection-lost'; readonly place: number }
  | { readonly type: 'network'; readonly latencyMs: number; readonly drop: number }
  | { readonly type: 'replay'; readonly place: number; readonly count: number }

interface Move {
  readonly action: Action
  /** How long the group runs after the action. */
  readonly forMs: number
}

export interface Schedule {
  readonly seed: number
  readonly replicas: number
  readonly inflightMessagesMax: number
  readonly appendBytesMax: number
  readonly storeMs: number
  readonly snapshotChunkBytes: number
  /** Begins with a leader in office. */
  readonly startsSettled: boolean
  /** Only these faults occur in this run; a proposal takes the place of others (swarm testing). */
  readonly faults: readonly Action['type'][]
  readonly moves: readonly Move[]
}

const place = fc.nat({ max: 4 })
const kept = fc.nat({ max: 3 })

function action<Type extends Action['type'], Fields extends object>(
  type: Type,
  weight: number,
  fields: { [Name in keyof Fields]: fc.Arbitrary<Fields[Name]> } = {} as never,
) {
  return { weight, arbitrary: fc.record({ type: fc.constant(type), ...fields }) }
}

const anyAction: fc.Arbitrary<Action> = fc.oneof(
  action('propose', 12, { count: fc.integer({ min: 1, max: 5 }) }),
  action('read', 4),
  action('transfer', 2, { to: place }),
  action('release', 2, { place }),
  action('compact', 2, { place }),
  action('compact-all', 1),
  action('add', 2),
  action('change', 3, { voters: fc.array(place, { minLength: 1, maxLength: 4 }) }),
  action('replace', 3, { place }),
  action('crash', 2, { place, kept }),
  action('crash-leader', 3, { kept }),
  action('restart', 5, { place }),
  action('stall-disk', 2, { place }),
  action('resume-disk', 3, { place }),
  action('cut', 2, { place, other: place }),
  action('cut-one-way', 2, { place, other: place }),
  action('isolate', 2, { place }),
  action('isolate-leader', 3),
  action('leave-leader-one', 3, { place }),
  action('lose-leader', 4),
  action('coup', 8, { place }),
  action('ambush', 4, { afterMs: fc.constantFrom(0, 0, 3, 10, 30) }),
  action('campaign', 1, { place }),
  action('heal', 4),
  action('connection-lost', 2, { place }),
  action('network', 2, {
    latencyMs: fc.constantFrom(1, 10, 60, 400),
    drop: fc.constantFrom(0, 0, 10, 30),
  }),
  action('replay', 3, { place: fc.nat({ max: 511 }), count: fc.integer({ min: 1, max: 20 }) }),
) as fc.Arbitrary<Action>

export const faultTypes: Action['type'][] = [
  'add',
  'change',
  'replace',
  'compact',
  'compact-all',
  'crash',
  'crash-leader',
  'stall-disk',
  'cut',
  'cut-one-way',
  'isolate',
  'isolate-leader',
  'leave-leader-one',
  'lose-leader',
  'coup',
  'ambush',
  'connection-lost',
  'network',
  'replay',
]

function moves(of: fc.Arbitrary<Action>, forMs: number[]): fc.Arbitrary<Move[]> {
  const move = fc.record({ action: of, forMs: fc.constantFrom(...forMs) })
  return fc.array(move, { minLength: 10, maxLength: 60, size: 'max' })
}

const common = {
  seed: fc.nat({ max: 0xffff }),
  replicas: fc.constantFrom(3, 5),
  startsSettled: fc.boolean(),
  snapshotChunkBytes: fc.constantFrom(9, 1024),
}

const mixed: fc.Arbitrary<Schedule> = fc.record({
  ...common,
  inflightMessagesMax: fc.constantFrom(1, 3, 64),
  appendBytesMax: fc.constantFrom(1, 40, 4096),
  storeMs: fc.constantFrom(1, 5, 40),
  faults: fc.subarray(faultTypes),
  moves: moves(anyAction, [0, 1, 3, 10, 40, 150, 700, 1000]),
})

const leaderChange: fc.Arbitrary<Action> = fc.oneof(
  action('propose', 3, { count: fc.integer({ min: 1, max: 3 }) }),
  action('read', 1),
  action('coup', 6, { place }),
  action('ambush', 6, { afterMs: fc.constantFrom(0, 0, 3, 10, 30) }),
  action('crash-leader', 2, { kept }),
) as fc.Arbitrary<Action>

/** Nothing but changes of leader, with one entry a message: the hunting ground of figure 8. */
const leaderChanges: fc.Arbitrary<Schedule> = fc.record({
  ...common,
  inflightMessagesMax: fc.constant(1),
  appendBytesMax: fc.constant(1),
  storeMs: fc.constantFrom(1, 5, 40),
  faults: fc.constant(faultTypes),
  moves: moves(leaderChange, [3, 10, 40, 150, 250]),
})

const memberChange: fc.Arbitrary<Action> = fc.oneof(
  action('propose', 4, { count: fc.integer({ min: 1, max: 3 }) }),
  action('read', 1),
  action('add', 3),
  action('change', 3, { voters: fc.array(place, { minLength: 1, maxLength: 4 }) }),
  action('replace', 5, { place }),
  action('compact-all', 2),
  action('transfer', 2, { to: place }),
  action('coup', 2, { place }),
  action('ambush', 3, { afterMs: fc.constantFrom(0, 0, 3, 10, 30) }),
  action('crash-leader', 2, { kept }),
  action('restart', 4, { place }),
  action('heal', 4),
) as fc.Arbitrary<Action>

/** Members come and go while leaders change, and new ones find the log compacted. */
const memberChanges: fc.Arbitrary<Schedule> = fc.record({
  ...common,
  replicas: fc.constantFrom(1, 2, 3),
  inflightMessagesMax: fc.constantFrom(1, 64),
  appendBytesMax: fc.constantFrom(1, 4096),
  storeMs: fc.constantFrom(1, 5, 40),
  faults: fc.subarray(faultTypes, { minLength: 8 }),
  moves: moves(memberChange, [3, 10, 40, 150, 700]),
})

export const anySchedule: fc.Arbitrary<Schedule> = fc.oneof(
  { weight: 2, arbitrary: mixed },
  { weight: 1, arbitrary: leaderChanges },
  { weight: 1, arbitrary: memberChanges },
)
