// The laboratory's report: a file with one JSON line for each slice, a range of seeds that was run in
// one go. A slice goes on behind the last seed of its kind, so a long run is made of many short ones.
// Each line has what runs its seeds again: the commit, and the hash of each.
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { isPlanKind, type PlanKind } from '../plan/plan-kinds.ts'
import type { Frequency, Tally } from './tally.ts'

export interface Slice {
  /** The last one that changed what a run is made of; with a plus when files differed from it. */
  readonly commit: string
  readonly kind: PlanKind
  readonly firstSeed: number
  readonly plans: number
  /** Plans of at least 10 simulated seconds and 100 acknowledged sends in which a fault took effect. */
  readonly counted: number
  /** Plans that acknowledged nothing at all. */
  readonly zeroAcks: number
  readonly wallSeconds: number
  readonly simulatedSeconds: number
  readonly acked: number
  readonly events: number
  /** By name, in how many seeds it took effect. */
  readonly faults: Readonly<Record<string, number>>
  /** By name of a probe, in how many seeds it was reached or fired. */
  readonly coverage: Readonly<Record<string, number>>
  /** Seeds that violated something. */
  readonly violations: readonly number[]
  /** 16 hexadecimal digits of each seed, in their order, without anything between. */
  readonly hashes: string
}

export const hashDigits = 16

export function sliceOf(
  tally: Tally,
  { commit, wallSeconds }: Pick<Slice, 'commit' | 'wallSeconds'>,
): Slice {
  const { kind, firstSeed, plans, counted, zeroAcks, acked, events } = tally
  return {
    commit,
    kind,
    firstSeed,
    plans,
    counted,
    zeroAcks,
    wallSeconds: Math.round(wallSeconds),
    simulatedSeconds: Math.round(tally.simulatedMs / 1000),
    acked,
    events,
    faults: seedsOf(tally.faults),
    coverage: seedsOf(tally.coverage),
    violations: tally.violations.map(({ seed }) => seed),
    hashes: tally.hashes.join(''),
  }
}

function seedsOf(frequencies: Readonly<Record<string, Frequency>>): Record<string, number> {
  const named = Object.entries(frequencies).map(([name, { seeds }]) => [name, seeds] as const)
  return Object.fromEntries(named)
}

/** In the order of the file; none when there is no file. Throws an Error that names the line. */
export function readSlices(file: string): Slice[] {
  if (!existsSync(file)) return []
  const slices: Slice[] = []
  for (const [position, text] of readFileSync(file, 'utf8').split('\n').entries()) {
    if (text === '') continue
    slices.push(parseSlice(text, `${file}:${position + 1}`))
  }
  return slices
}

function parseSlice(text: string, place: string): Slice {
  let slice: Slice
  try {
    slice = JSON.parse(text) as Slice
  } catch {
    throw new Error(`${place}: not JSON`)
  }
  const { kind, plans, hashes } = slice
  if (!isPlanKind(kind)) throw new Error(`${place}: no kind of plans: ${String(kind)}`)
  if (hashes?.length !== plans * hashDigits) throw new Error(`${place}: not a hash of each plan`)
  return slice
}

/** The first seed of a kind behind all slices; 1 when there are none. */
export function nextSeed(slices: readonly Slice[], kind: PlanKind): number {
  const ends = slices.filter((slice) => slice.kind === kind).map(endOf)
  return Math.max(1, ...ends)
}

/** Throws when another run has added some of its seeds meanwhile: of two runs one gets them. */
export function appendSlice(file: string, slice: Slice): void {
  mkdirSync(dirname(file), { recursive: true })
  alone(file, () => {
    const next = nextSeed(readSlices(file), slice.kind)
    if (slice.firstSeed < next) {
      throw new Error(`${file} has ${slice.kind} seeds up to ${next - 1} by now`)
    }
    appendFileSync(file, `${JSON.stringify(slice)}\n`)
  })
}

const lockEveryMs = 20
const lockAttemptsMax = 500

/** Runs it while no other process does so with the file; a lock that outlived its run is named. */
function alone(file: string, run: () => void): void {
  const lock = `${file}.lock`
  for (let attempt = 1; !taken(lock); attempt += 1) {
    if (attempt === lockAttemptsMax) {
      throw new Error(`${lock} is held by another run; delete it when there is none`)
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lockEveryMs)
  }
  try {
    run()
  } finally {
    unlinkSync(lock)
  }
}

function taken(lock: string): boolean {
  try {
    closeSync(openSync(lock, 'wx'))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

export interface Recorded {
  readonly kind: PlanKind
  readonly seed: number
  readonly hash: string
}

/** Every seed of the slices that was run to its end, with the hash it gave. */
export function recordedSeeds(slices: readonly Slice[]): Recorded[] {
  return slices.flatMap(({ kind, firstSeed, plans, hashes }) =>
    Array.from({ length: plans }, (_, position) => ({
      kind,
      seed: firstSeed + position,
      hash: hashes.slice(position * hashDigits, (position + 1) * hashDigits),
    })).filter(({ hash }) => /[^0]/.test(hash)),
  )
}

function endOf({ firstSeed, plans }: Slice): number {
  return firstSeed + plans
}
