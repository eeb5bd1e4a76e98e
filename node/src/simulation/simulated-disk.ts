// The simulated Disk: page cache and synced state apart, latency, stalls, a size limit, injected
// errors, and crashes that kill the process (the cache stays) or cut the power (a random part of
// what was not synced survives, torn at 512 bytes). Deterministic: keyed randomness, one event queue.
// Each process life gets its own Disk from `process`; what outlives it is here. Damage to what was
// synced: simulated-damage.ts; crashes at a given operation: crash-points.ts.
import type { Random } from '@quorate/actors'
import { type EventOwner, eventClass } from '@quorate/actors/testing'
import type { Disk, DiskErrorCode } from '../storage/disk.ts'
import { DiskError } from '../storage/disk.ts'
import { CrashPoints } from './crash-points.ts'
import { type SimulatedContent, sectorBytes } from './simulated-content.ts'
import { SimulatedDamage } from './simulated-damage.ts'
import { ProcessDisk } from './simulated-process-disk.ts'
import { SimulatedTree } from './simulated-tree.ts'
import { SyncedDisk } from './synced-disk.ts'

/** Of the simulation; its own `Simulation` fits. */
export interface DiskScheduler {
  readonly nowMs: number
  at(atMs: number, kind: number, run: () => void, owner?: EventOwner): unknown
  note(label: string): void
  noteEffect(what: number, first: number, second: number, third: number): void
}

export interface SimulatedDiskOptions {
  /** Names the draws of this disk. */
  readonly name: string
  readonly scheduler: DiskScheduler
  readonly random: Random
  /** Of one operation, drawn evenly. Default 0.1 to 0.4 ms. */
  readonly latencyMinMs?: number
  readonly latencyMaxMs?: number
  /** Bytes the files may take together. Default: no limit. */
  readonly capacityBytes?: number
}

export type DiskOperation = 'open' | 'read' | 'write' | 'sync' | 'name'

/** Lets the next operations of a kind on matching paths fail. */
export interface DiskFault {
  readonly operation: DiskOperation
  readonly path: RegExp
  readonly code: DiskErrorCode
  /** How many fail; default 1. */
  readonly times?: number
}

/** Operations on these paths do not complete before that time; `held`: it kept so many waiting. */
export interface DiskStall {
  readonly path: RegExp
  readonly untilMs: number
  held: number
}

/** `held`: so many operations took longer. */
export interface DiskSlowness {
  readonly byMs: number
  held: number
}

/** A durable write has reached the platter. */
export type SyncedListener = (path: string, position: number, bytes: Uint8Array) => void

/** An operation that is under way: `land` does to the disk what is done when it completes. */
export interface UnderWay {
  /** It changes the disk, so it is one of those between which a crash point may lie. */
  readonly changes: boolean
  /** `share` below 1: only this part of its bytes, when a crash comes first. */
  land(share: number): DiskError | undefined
}

export class SimulatedDisk {
  readonly name: string
  readonly tree = new SimulatedTree()
  readonly random: Random
  readonly damage: SimulatedDamage
  readonly crashPoints = new CrashPoints()
  readonly #scheduler: DiskScheduler
  readonly #latencyMinMs: number
  readonly #latencyMaxMs: number
  readonly #latencyPurpose: string
  capacityBytes: number
  /** Operations that a stall held back, and writes that found no room. */
  readonly counters = { stalled: 0, full: 0 }
  readonly #faults: { fault: DiskFault; left: number }[] = []
  #stalls: DiskStall[] = []
  /** Completions that wait for the end of a stall, in order. */
  readonly #stalled = new Map<() => void, EventOwner | undefined>()
  #slowness: DiskSlowness | undefined
  #underWay = new Set<UnderWay>()
  #listeners: SyncedListener[] = []
  #sequence = 0
  #life = 0

  constructor(options: SimulatedDiskOptions) {
    this.name = options.name
    this.random = options.random
    this.#scheduler = options.scheduler
    this.#latencyMinMs = options.latencyMinMs ?? 0.1
    this.#latencyMaxMs = options.latencyMaxMs ?? 0.4
    this.#latencyPurpose = `${options.name}/latency`
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY
    this.damage = new SimulatedDamage(this)
  }

  /** The disk as a process sees it, until `crash`. Completions are events of `owner`. */
  process(owner?: EventOwner): Disk {
    return new ProcessDisk(this, this.#life, owner)
  }

  /** A read-only disk that holds what would survive the worst power loss now. */
  syncedView(): Disk {
    return new SyncedDisk(this.tree)
  }

  /** Calls at each durable write (the WAL's), with the bytes written. */
  onSynced(listener: SyncedListener): void {
    this.#listeners.push(listener)
  }

  get life(): number {
    return this.#life
  }

  /** Ends the process life: nothing under way completes any more. */
  crash(kind: 'kill' | 'power'): void {
    this.#life += 1
    this.note(kind)
    const underWay = [...this.#underWay]
    this.#underWay = new Set()
    const purpose = `${this.name}/crash`
    for (const operation of underWay) {
      // What was handed to the kernel may be done, not done, or done in part.
      operation.land(this.random.integer(purpose, 101) / 100)
    }
    if (kind === 'kill') return
    const survivePercent = [0, 25, 50, 75, 100][this.random.integer(purpose, 5)]!
    for (const content of this.#contents()) content.losePower(this.random, purpose, survivePercent)
    this.tree.losePower(this.random, purpose, survivePercent)
  }

  /** Operations on matching paths complete no earlier than after this time. */
  stall(forMs: number, path: RegExp = /^/): Readonly<DiskStall> {
    const stall = { path, untilMs: this.#scheduler.nowMs + forMs, held: 0 }
    this.#stalls.push(stall)
    return stall
  }

  /** Ends every stall: what it held back completes now. */
  endStalls(): void {
    this.#stalls = []
    for (const [complete, owner] of this.#stalled) {
      this.#scheduler.at(this.#scheduler.nowMs, eventClass.disk, complete, owner)
    }
  }

  /** What is wrong with it until somebody ends it. */
  get lasting(): string[] {
    const { nowMs } = this.#scheduler
    const all: Readonly<Record<string, boolean>> = {
      'has no room': this.capacityBytes !== Number.POSITIVE_INFINITY,
      'fails operations': this.#faults.some(({ left }) => left > 0),
      stalls: this.#stalls.some(({ untilMs }) => untilMs > nowMs),
      'is slow': this.#slowness !== undefined,
      'damages what is read or written': this.damage.pending,
      'crashes at an operation': this.crashPoints.pending,
    }
    return Object.keys(all).filter((what) => all[what])
  }

  /** Every operation takes up to so much longer, until `quicken`. */
  slow(byMs: number): Readonly<DiskSlowness> {
    this.#slowness = { byMs, held: 0 }
    return this.#slowness
  }

  quicken(): void {
    this.#slowness = undefined
  }

  /** Returns how often it is still to happen. */
  fail(fault: DiskFault): { readonly left: number } {
    const failing = { fault, left: fault.times ?? 1 }
    this.#faults.push(failing)
    return failing
  }

  clearFaults(): void {
    this.#faults.length = 0
  }

  /** For the process disk: the error that this operation meets, if any. */
  faultOf(operation: DiskOperation, path: string): DiskError | undefined {
    if (this.#faults.length === 0) return undefined
    const found = this.#faults.find(
      ({ fault, left }) => left > 0 && fault.operation === operation && fault.path.test(path),
    )
    if (found === undefined) return undefined
    found.left -= 1
    return new DiskError(found.fault.code, path, `injected into ${operation}`)
  }

  /** For the process disk: a change of names, or the end of a process, for the hash of the run. */
  note(what: string): void {
    this.#scheduler.note(`${this.name} ${what}`)
  }

  /** For the process disk: as `note`, of bytes. */
  noteEffect(what: number, position: number, byteLength: number, checksum: number): void {
    this.#scheduler.noteEffect(what, position, byteLength, checksum)
  }

  /** For the process disk: the next number in the order of writes and syncs. */
  nextSequence(): number {
    this.#sequence += 1
    return this.#sequence
  }

  /** For the process disk: whether the file may grow to this size. */
  hasRoomFor(content: SimulatedContent, size: number): boolean {
    if (this.capacityBytes === Number.POSITIVE_INFINITY || size <= content.size) return true
    const fits = this.usedBytes() - rounded(content.size) + rounded(size) <= this.capacityBytes
    if (!fits) this.counters.full += 1
    return fits
  }

  usedBytes(): number {
    let bytes = 0
    for (const content of this.tree.files()) bytes += rounded(content.size)
    return bytes
  }

  /** For the process disk: completes the operation later, unless a crash comes first. */
  schedule(
    operation: UnderWay,
    path: string,
    owner: EventOwner | undefined,
    done: (error: DiskError | undefined) => void,
  ): void {
    const life = this.#life
    this.#underWay.add(operation)
    const isStalled = this.#stalls.length > 0
    const run = (): void => {
      // The end of the stall came first.
      if (isStalled && !this.#stalled.delete(run)) return
      if (life !== this.#life) return
      if (operation.changes && this.crashPoints.before()) return
      this.#underWay.delete(operation)
      const error = operation.land(1)
      if (operation.changes && this.crashPoints.after()) return
      done(error)
    }
    if (isStalled) this.#stalled.set(run, owner)
    this.#scheduler.at(this.#completionMs(path), eventClass.disk, run, owner)
  }

  /** For the process disk. */
  told(path: string, position: number, bytes: Uint8Array): void {
    for (const listener of this.#listeners) listener(path, position, bytes)
  }

  #completionMs(path: string): number {
    const spanMicros = Math.round((this.#latencyMaxMs - this.#latencyMinMs) * 1000)
    const micros = this.random.integer(this.#latencyPurpose, spanMicros + 1)
    const usualMs = this.#scheduler.nowMs + this.#latencyMinMs + micros / 1000 + this.#extraMs()
    const atMs = Math.max(usualMs, this.#stalledUntilMs(path))
    if (atMs > usualMs) this.counters.stalled += 1
    return atMs
  }

  #extraMs(): number {
    const slowness = this.#slowness
    if (slowness === undefined) return 0
    slowness.held += 1
    return this.random.integer(`${this.name}/slow`, slowness.byMs + 1)
  }

  #stalledUntilMs(path: string): number {
    if (this.#stalls.length === 0) return 0
    const now = this.#scheduler.nowMs
    this.#stalls = this.#stalls.filter(({ untilMs }) => untilMs > now)
    const stalls = this.#stalls.filter((stall) => stall.path.test(path))
    for (const stall of stalls) stall.held += 1
    return Math.max(0, ...stalls.map(({ untilMs }) => untilMs))
  }

  /** All files, those included whose names one of the two trees has lost. */
  #contents(): Set<SimulatedContent> {
    return new Set([...this.tree.files(), ...this.tree.syncedFiles()])
  }
}

function rounded(bytes: number): number {
  return Math.ceil(bytes / sectorBytes) * sectorBytes
}
