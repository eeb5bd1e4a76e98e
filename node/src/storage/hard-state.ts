// Keeps terms, votes and configurations of all replicas on the node. An actor: changes that come
// while a write is under way are gathered, so many groups share one write and one sync per file.
// Promise: `done` is called only after both files are synced, B being written after A was. Fed by
// storage.ts; a persist request goes on to wal.ts from here.
import type { Actor, ActorContext } from '@quorate/actors'
import type { DiskError, DiskFile } from './disk.ts'
import {
  encodeSlot,
  extentBytes,
  pairBytes,
  pairsPerExtent,
  type SlotContent,
  slotPosition,
} from './hard-state-format.ts'
import type { RecoveredHardState } from './hard-state-recovery.ts'
import { blockBytes } from './wal-format.ts'

export interface SlotChange {
  readonly pair: number
  readonly content: SlotContent
}

export type HardStateMessage =
  | { readonly type: 'put'; readonly changes: readonly SlotChange[]; readonly done: () => void }
  /** Adds room for more pairs; an error (a full disk) leaves everything as it was. */
  | { readonly type: 'grow'; readonly done: Grown }
  /** Everything put before is in both files, which are closed then. */
  | { readonly type: 'close'; readonly done: () => void }
  | { readonly type: 'flush' }
  | { readonly type: 'continue'; readonly run: () => void }

/** `capacity`: pairs that both files have room for now. */
export type Grown = (error: DiskError | undefined, capacity: number) => void

interface SlotWrite {
  readonly bytes: Uint8Array
  readonly position: number
}

interface PairState {
  readonly sequence: number
  readonly crc: number
}

/** Slot writes of one file under way at the same time. */
const writesOutstandingMax = 2

export class HardStateActor implements Actor<HardStateMessage> {
  readonly #files: readonly [DiskFile, DiskFile]
  readonly #failed: (error: DiskError) => void
  readonly #pairs = new Map<number, PairState>()
  #capacity: number
  #gathered = new Map<number, SlotContent>()
  #waiting: (() => void)[] = []
  #growing: Grown[] = []
  #busy = false
  #flushAsked = false
  #dead = false
  #closing: (() => void) | undefined
  #context!: ActorContext<HardStateMessage>

  constructor(recovered: RecoveredHardState, failed: (error: DiskError) => void) {
    const [first, second] = recovered.files
    this.#files = [first!, second!]
    this.#capacity = recovered.capacity
    this.#failed = failed
    for (const { pair, slot } of recovered.pairs) {
      this.#pairs.set(pair, { sequence: slot.sequence, crc: slot.crc })
    }
  }

  started(context: ActorContext<HardStateMessage>): void {
    this.#context = context
  }

  receive(message: HardStateMessage): void {
    if (this.#dead) return
    switch (message.type) {
      case 'put':
        for (const { pair, content } of message.changes) this.#gathered.set(pair, content)
        this.#waiting.push(message.done)
        this.#askFlush()
        return
      case 'grow':
        this.#growing.push(message.done)
        this.#askFlush()
        return
      case 'close':
        this.#closing = message.done
        this.#askFlush()
        return
      case 'flush':
        this.#flushAsked = false
        this.#next()
        return
      case 'continue':
        message.run()
        return
    }
  }

  /** Behind all actors that are ready now: what they put in this turn joins the same write. */
  #askFlush(): void {
    if (this.#busy || this.#flushAsked) return
    this.#flushAsked = true
    this.#context.self.reply({ type: 'flush' })
  }

  #next(): void {
    if (this.#busy || this.#dead) return
    if (this.#growing.length > 0) this.#grow()
    else if (this.#waiting.length > 0) this.#write()
    else if (this.#closing !== undefined) this.#close(this.#closing)
  }

  #close(done: () => void): void {
    this.#dead = true
    for (const file of this.#files) file.close()
    done()
  }

  #write(): void {
    this.#busy = true
    const done = this.#waiting
    const writes = this.#encode()
    this.#waiting = []
    this.#writeFile(this.#files[0], writes, () => {
      this.#writeFile(this.#files[1], writes, () => {
        this.#busy = false
        for (const call of done) call()
        this.#next()
      })
    })
  }

  #encode(): SlotWrite[] {
    const writes: SlotWrite[] = []
    for (const [pair, content] of this.#gathered) {
      if (pair >= this.#capacity) throw new Error(`pair ${pair} of ${this.#capacity}`)
      const state = this.#pairs.get(pair) ?? { sequence: 0, crc: 0 }
      const sequence = state.sequence + 1
      const { bytes, crc } = encodeSlot(sequence, state.crc, content)
      this.#pairs.set(pair, { sequence, crc })
      writes.push({ bytes, position: slotPosition(pair, sequence) })
    }
    this.#gathered = new Map()
    return writes
  }

  #writeFile(file: DiskFile, writes: readonly SlotWrite[], then: () => void): void {
    const [only] = writes
    if (writes.length === 1 && only !== undefined) {
      file.writeDurable([only.bytes], only.position, this.#settle(then))
      return
    }
    let started = 0
    let running = 0
    const startMore = (): void => {
      while (running < writesOutstandingMax && started < writes.length) {
        const { bytes, position } = writes[started]!
        started += 1
        running += 1
        const written = (): void => {
          running -= 1
          startMore()
        }
        file.write([bytes], position, this.#settle(written))
      }
      if (running === 0) file.sync(this.#settle(then))
    }
    startMore()
  }

  /** Both files, so that a later write cannot run out of space in one of them. */
  #grow(): void {
    this.#busy = true
    const done = this.#growing
    this.#growing = []
    const capacity = this.#capacity + pairsPerExtent
    const zeros = new Uint8Array(extentBytes)
    const position = blockBytes + this.#capacity * pairBytes
    const finish = (error: DiskError | undefined): void => {
      this.#busy = false
      if (error === undefined) this.#capacity = capacity
      for (const call of done) call(error, this.#capacity)
      this.#next()
    }
    this.#extend(this.#files[0], zeros, position, (error) => {
      if (error !== undefined) finish(error)
      else this.#extend(this.#files[1], zeros, position, finish)
    })
  }

  #extend(
    file: DiskFile,
    zeros: Uint8Array,
    position: number,
    then: (error: DiskError | undefined) => void,
  ): void {
    file.write([zeros], position, (error) => {
      this.#continue(() => {
        if (error?.code === 'ENOSPC') then(error)
        else if (error !== undefined) this.#fail(error)
        else file.sync(this.#settle(() => then(undefined)))
      })
    })
  }

  #settle(then: () => void): (error: DiskError | undefined) => void {
    return (error) => {
      this.#continue(() => {
        if (error === undefined) then()
        else this.#fail(error)
      })
    }
  }

  #continue(run: () => void): void {
    this.#context.self.reply({ type: 'continue', run })
  }

  #fail(error: DiskError): void {
    if (this.#dead) return
    this.#dead = true
    this.#failed(error)
  }
}
