// One end of a simulated connection, with TCP's promises: while the link lives, bytes are neither
// lost nor reordered, only late; when it breaks, an arbitrary end of what was under way is missing.
// Everything sent in one moment is one segment. Receivers get copies in pieces of at most 64 KiB,
// as from a socket. Faults are looked up in network-faults.ts; simulated-network.ts makes the ends.
import type { Random } from '@quorate/actors'
import {
  eventClass,
  type SimulatedEvent,
  type SimulatedHost,
  type Simulation,
} from '@quorate/actors/testing'
import { allocate, type Chunks, crc32c } from '@quorate/protocol'
import type { ByteLink, LinkHandlers } from '../mesh/network.ts'
import type { FaultEpisode, NetworkFaults, NetworkPath } from './network-faults.ts'

/** What a simulated network needs of a Simulation. */
export type NetworkScheduler = Pick<Simulation, 'nowMs' | 'at' | 'note' | 'noteEffect'>

export interface SimulatedNetworkOptions {
  /** One way. Default 0.2. */
  readonly latencyMinMs: number
  /** Default 1. */
  readonly latencyMaxMs: number
  /** Bytes a path carries per millisecond, all its links together. Default: no limit. */
  readonly bandwidthBytesPerMs: number
  /** Bytes the operating system takes before `backlogBytes` rises. Default 256 KiB. */
  readonly sendBufferBytes: number
  /** A link with bytes held by a cut breaks after this time. Default 15,000. */
  readonly breakAfterMs: number
  /** Time-out of `connect` when the caller gives none. Default 10,000. */
  readonly connectTimeoutMs: number
}

/** What both ends and all links of one network share. */
export interface LinkWorld {
  readonly scheduler: NetworkScheduler
  readonly random: Random
  readonly faults: NetworkFaults
  readonly options: SimulatedNetworkOptions
  /** One-way time of a segment of this size that leaves now. */
  arrivalMs(path: NetworkPath, sizeBytes: number): number
  /** Neither end needs the link any more. */
  forget(end: SimulatedLink): void
}

/** A process on the network; dead once its host crashed. */
export interface NetworkLife {
  readonly host: string
  readonly owner: SimulatedHost | undefined
  alive: boolean
  /** Dead together with its machine: nobody answers for it, not even with a reset. */
  silent: boolean
}

const kinds = ['open', 'data', 'end', 'reset'] as const

interface Segment {
  readonly kind: (typeof kinds)[number]
  /** Empty unless `data`. Nobody else has this memory. */
  readonly bytes: Uint8Array
  arriveAtMs: number
  breakArmed: boolean
}

/** In the hash of a run, in the place of a length: no segment is so long. */
const arrived = 0xffff_ffff

const noBytes = new Uint8Array(0)

const chunkBytesMax = 64 * 1024

export class SimulatedLink implements ByteLink {
  readonly peer: string
  readonly life: NetworkLife
  /** Set by the network right after both ends are made. */
  other!: SimulatedLink
  handlers: LinkHandlers | undefined
  /** Called when the other side's `open` arrives; gives this end its handlers. */
  accepted: (() => void) | undefined
  readonly #world: LinkWorld
  readonly #departs: () => void
  readonly #arrives: () => void
  /** Written in this moment. */
  #gathered: Uint8Array[] = []
  #gatheredBytes = 0
  /** On the way to the other end, oldest first. Invariant: arrival times never fall. */
  readonly #underWay: Segment[] = []
  #underWayBytes = 0
  #planned: SimulatedEvent | undefined
  #paused = false
  /** To the other end. */
  #path: NetworkPath | undefined
  #wasBacklogged = false
  /** `ended`: writes nothing more, still reads. `closed`: `handlers.closed` was called or is due. */
  #state: 'open' | 'ended' | 'closed' = 'open'

  constructor(world: LinkWorld, life: NetworkLife, peer: string) {
    this.#world = world
    this.life = life
    this.peer = peer
    this.#departs = () => this.#depart()
    this.#arrives = () => {
      this.#planned = undefined
      this.#arrive()
    }
  }

  get closed(): boolean {
    return this.#state === 'closed'
  }

  get backlogBytes(): number {
    const waiting = this.#gatheredBytes + this.#underWayBytes
    return Math.max(0, waiting - this.#world.options.sendBufferBytes)
  }

  write(bytes: Chunks | Uint8Array): void {
    if (this.#state !== 'open' || !this.life.alive || bytes.byteLength === 0) return
    if (this.#gatheredBytes === 0) {
      const { scheduler } = this.#world
      scheduler.at(scheduler.nowMs, eventClass.network, this.#departs)
    }
    if (bytes instanceof Uint8Array) this.#gathered.push(bytes)
    else for (const piece of bytes.pieces) this.#gathered.push(piece)
    this.#gatheredBytes += bytes.byteLength
    if (this.backlogBytes > 0) this.#wasBacklogged = true
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.other.planArrival()
  }

  end(): void {
    if (this.#state !== 'open' || !this.life.alive) return
    this.#depart()
    this.#state = 'ended'
    this.#send('end')
  }

  destroy(): void {
    if (this.#state === 'closed' || !this.life.alive) return
    this.#dropGathered()
    this.#close(undefined)
    this.#send('end')
  }

  /** The first segment of the side that connected. */
  sendOpen(): void {
    this.#send('open')
  }

  /** The link breaks on its way: both ends get a part of what was under way, then a reset. */
  reset(): void {
    for (const end of [this, this.other]) {
      end.#depart()
      end.#cutShort()
      end.sendReset()
    }
  }

  /** This end's process is gone; its life is marked dead already. */
  die(): void {
    this.#dropGathered()
    this.#cutShort()
    this.#state = 'closed'
    if (!this.life.silent) this.sendReset()
    if (this.other.closed) this.#world.forget(this)
  }

  /** What a machine says to a link it knows nothing of. */
  sendReset(): void {
    this.#send('reset')
  }

  /** The path may be free again, or the receiver reads again. */
  planArrival(): void {
    const next = this.#underWay[0]
    if (next === undefined || this.#planned !== undefined) return
    const { scheduler } = this.#world
    // A dead process has no events, but what was sent to it must still run into the silence.
    const { owner, alive } = this.other.life
    const { arriveAtMs } = next
    const owning = alive ? owner : undefined
    this.#planned = scheduler.at(arriveAtMs, eventClass.network, this.#arrives, owning)
  }

  /** What is under way arrives by then. */
  hasten(latestMs: number): void {
    for (const segment of this.#underWay) {
      segment.arriveAtMs = Math.min(segment.arriveAtMs, latestMs)
    }
    if (this.#planned === undefined) return
    this.#planned.run = undefined
    this.#planned = undefined
    this.planArrival()
  }

  #depart(): void {
    if (this.#gatheredBytes === 0) return
    // The receiver's own memory: nothing the sender does later reaches it.
    const bytes = allocate(this.#gatheredBytes)
    let position = 0
    for (const piece of this.#gathered) {
      bytes.set(piece, position)
      position += piece.byteLength
    }
    this.#dropGathered()
    this.#send('data', bytes)
  }

  #dropGathered(): void {
    this.#gathered = []
    this.#gatheredBytes = 0
  }

  #send(kind: Segment['kind'], bytes: Uint8Array = noBytes): void {
    const path = this.#ownPath()
    const { scheduler, arrivalMs } = this.#world
    scheduler.noteEffect(path.hash, kinds.indexOf(kind), bytes.byteLength, crc32c(bytes))
    const arrival = arrivalMs(path, bytes.byteLength)
    const arriveAtMs = Math.max(arrival, this.#underWay.at(-1)?.arriveAtMs ?? 0)
    this.#underWay.push({ kind, bytes, arriveAtMs, breakArmed: false })
    this.#underWayBytes += bytes.byteLength
    this.planArrival()
  }

  #arrive(): void {
    const { scheduler } = this.#world
    const segment = this.#underWay[0]
    if (segment === undefined) return
    if (segment.arriveAtMs > scheduler.nowMs) this.planArrival()
    else if (!this.#held(segment)) {
      this.#underWay.shift()
      this.#deliver(segment)
      this.planArrival()
    }
  }

  /** True when the segment stays where it is; whoever frees it calls `planArrival`. */
  #held(segment: Segment): boolean {
    const { faults } = this.#world
    const { life } = this.other
    const fault = this.#holding()
    if (fault !== undefined) faults.tookEffect(fault)
    if (life.silent || (fault !== undefined && fault.kind !== 'stall')) this.#armBreak(segment)
    return life.silent || fault !== undefined || (segment.kind === 'data' && this.other.#paused)
  }

  #deliver({ kind, bytes }: Segment): void {
    const { other } = this
    const { scheduler } = this.#world
    scheduler.noteEffect(this.#ownPath().hash, kinds.indexOf(kind), arrived, bytes.byteLength)
    this.#underWayBytes -= bytes.byteLength
    switch (kind) {
      case 'open':
        other.accepted?.()
        break
      case 'data':
        other.#receive(bytes)
        this.#noteDrained()
        break
      case 'end':
        if (other.#state === 'open') other.end()
        other.#close(undefined)
        break
      case 'reset':
        other.#close(connectionError('ECONNRESET', other.peer))
        break
    }
  }

  #receive(bytes: Uint8Array): void {
    let start = 0
    while (start < bytes.byteLength && this.#reads()) {
      const end = start + this.#pieceBytes(bytes.byteLength - start)
      this.handlers?.data(bytes.subarray(start, end))
      start = end
    }
  }

  #reads(): boolean {
    return this.life.alive && this.#state !== 'closed'
  }

  #pieceBytes(remaining: number): number {
    const { faults, random } = this.#world
    const { split, purpose, splitPurpose } = this.other.#ownPath()
    const most = Math.min(remaining, chunkBytesMax)
    if (split === undefined || most < 2) return most
    if (random.integer(splitPurpose, 1000) >= split.perMille) return most
    faults.tookEffect(split.episode)
    return 1 + random.integer(`${purpose}/piece`, most - 1)
  }

  #ownPath(): NetworkPath {
    this.#path ??= this.#world.faults.path(this.life.host, this.other.life.host)
    return this.#path
  }

  #holding(): FaultEpisode | undefined {
    return this.#world.faults.holding(this.#ownPath())
  }

  /** Calls `closed` on a later turn, once; bytes under way to the other end go on. */
  #close(error: Error | undefined): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    const { scheduler } = this.#world
    const run = (): void => {
      if (this.life.alive) this.handlers?.closed(error)
    }
    scheduler.at(scheduler.nowMs, eventClass.network, run, this.life.owner)
    if (this.other.closed) this.#world.forget(this)
  }

  /** An arbitrary end of the bytes under way is lost. */
  #cutShort(): void {
    const { random, faults } = this.#world
    const total = this.#underWayBytes
    if (total === 0) return
    faults.count('half-sent')
    const purpose = `${this.#ownPath().purpose}/half-sent`
    let keepBytes = random.integer(purpose, total)
    this.#underWayBytes = keepBytes
    for (const segment of this.#underWay.splice(0)) {
      const bytes = segment.bytes.subarray(0, keepBytes)
      keepBytes -= bytes.byteLength
      if (segment.kind !== 'data' || bytes.byteLength > 0)
        this.#underWay.push({ ...segment, bytes })
    }
  }

  #armBreak(segment: Segment): void {
    if (segment.breakArmed) return
    segment.breakArmed = true
    const { scheduler, faults, options } = this.#world
    const check = (): void => {
      if (this.#underWay[0] !== segment || this.closed) return
      if (this.#holding() === undefined && !this.other.life.silent) return
      faults.count('broken')
      this.#underWay.splice(0)
      this.#underWayBytes = 0
      this.#close(connectionError('ETIMEDOUT', this.peer))
      // The other end learns of it when something gets through again.
      this.sendReset()
    }
    scheduler.at(scheduler.nowMs + options.breakAfterMs, eventClass.network, check)
  }

  #noteDrained(): void {
    if (!this.#wasBacklogged || this.backlogBytes > 0) return
    this.#wasBacklogged = false
    const { scheduler } = this.#world
    const run = (): void => {
      if (this.life.alive && this.#state !== 'closed') this.handlers?.drained?.()
    }
    if (this.handlers?.drained !== undefined) {
      scheduler.at(scheduler.nowMs, eventClass.network, run, this.life.owner)
    }
  }
}

export function connectionError(code: string, address: string): Error {
  return Object.assign(new Error(`${code} ${address} (simulated)`), { code })
}
