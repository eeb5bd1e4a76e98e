// Is there an order of some operations, each at one moment between its call and its return, in which a
// sequential object would have answered as it was seen to answer? The search of Wing and Gong with
// Lowe's cache, as porcupine does it: calls and returns in a list; take out the first call that may
// come next with its return (lift), and on a dead end put the last one back (unlift). A pair of the
// set of operations taken and the state is tried once. An operation that never returned may have
// taken effect at any moment behind its call, or not at all. Bounded by a number of steps. Pure.

export interface Interval<Call> {
  readonly call: Call
  /** Moments: any numbers that compare. */
  readonly calledAt: number
  /** Infinity: it never returned, or nobody knows what became of it. */
  readonly returnedAt: number
}

export interface SequentialObject<Call, State> {
  readonly initial: State
  /** The state behind the call; undefined when it cannot have answered so in this state. */
  step(state: State, call: Call): State | undefined
}

export type Linearizability = 'linearizable' | 'not linearizable' | 'unknown'

/** A call or a return in the list; a call knows its return. */
interface Entry {
  readonly operation: number
  readonly at: number
  readonly isCall: boolean
  /** The return of a call that has one. */
  partner: Entry | undefined
  before: Entry | undefined
  after: Entry | undefined
}

/** `unknown` when it takes more than `stepsMax` steps to find out. States are compared by `===`. */
export function linearizability<Call, State>(
  operations: readonly Interval<Call>[],
  object: SequentialObject<Call, State>,
  stepsMax: number,
): Linearizability {
  const head = listOf(operations)
  /** Operations that must come somewhere. */
  let missing = operations.filter(({ returnedAt }) => returnedAt !== Infinity).length
  const taken = new Uint32Array(Math.ceil(operations.length / 32))
  const tried = new Map<string, Set<State>>()
  const path: { readonly entry: Entry; readonly state: State }[] = []
  let state = object.initial
  let entry = head.after
  for (let steps = 0; missing > 0; steps += 1) {
    if (steps >= stepsMax) return 'unknown'
    if (entry?.isCall) {
      const { operation, partner } = entry
      const next = object.step(state, operations[operation]!.call)
      flip(taken, operation)
      if (next !== undefined && isNew(tried, taken.join(), next)) {
        path.push({ entry, state })
        state = next
        if (partner !== undefined) missing -= 1
        lift(entry)
        entry = head.after
      } else {
        flip(taken, operation)
        entry = entry.after
      }
      continue
    }
    // A return that must not come yet, or the end of the list: the last choice was wrong.
    const last = path.pop()
    if (last === undefined) return 'not linearizable'
    state = last.state
    flip(taken, last.entry.operation)
    if (last.entry.partner !== undefined) missing += 1
    unlift(last.entry)
    entry = last.entry.after
  }
  return 'linearizable'
}

/** All calls and returns in the order of time, behind a head. Of one moment, calls come first. */
function listOf<Call>(operations: readonly Interval<Call>[]): Entry {
  const entries: Entry[] = []
  const links = { partner: undefined, before: undefined, after: undefined }
  for (const [operation, { calledAt, returnedAt }] of operations.entries()) {
    const call: Entry = { operation, at: calledAt, isCall: true, ...links }
    entries.push(call)
    if (returnedAt === Infinity) continue
    call.partner = { operation, at: returnedAt, isCall: false, ...links }
    entries.push(call.partner)
  }
  entries.sort((a, b) => a.at - b.at || Number(b.isCall) - Number(a.isCall))
  const head: Entry = { operation: -1, at: -Infinity, isCall: false, ...links }
  let last = head
  for (const entry of entries) {
    last.after = entry
    entry.before = last
    last = entry
  }
  return head
}

function lift({ partner, before, after }: Entry): void {
  before!.after = after
  if (after !== undefined) after.before = before
  if (partner === undefined) return
  partner.before!.after = partner.after
  if (partner.after !== undefined) partner.after.before = partner.before
}

/** In the opposite order of `lift`, so that neighbours that were lifted later are back already. */
function unlift(entry: Entry): void {
  const { partner, before, after } = entry
  if (partner !== undefined) {
    partner.before!.after = partner
    if (partner.after !== undefined) partner.after.before = partner
  }
  before!.after = entry
  if (after !== undefined) after.before = entry
}

function flip(bits: Uint32Array, bit: number): void {
  bits[bit >> 5]! ^= 1 << (bit & 31)
}

function isNew<State>(tried: Map<string, Set<State>>, taken: string, state: State): boolean {
  const states = tried.get(taken)
  if (states === undefined) tried.set(taken, new Set([state]))
  else if (states.has(state)) return false
  else states.add(state)
  return true
}
