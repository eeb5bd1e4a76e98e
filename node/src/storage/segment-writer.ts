// Decides when committed entries leave the WAL: when their file is full, or when a segment ends.
// An actor; one job at a time moves entries of some groups (segment-move.ts), then both manifests
// name the result, then the logs and the WAL let go of it. Also deletes segments below a log start,
// and has entries that cannot move written again into the newest WAL file. Fed by node-storage.ts.
import type { Actor, ActorContext, ActorRef } from '@quorate/actors'
import { QuorateError } from '@quorate/protocol'
import { type Disk, DiskError } from './disk.ts'
import { ofDisk } from './disk-error.ts'
import type { GroupLogState } from './group-log.ts'
import type { IoGate } from './io-gate.ts'
import type { ManifestMessage } from './manifest-store.ts'
import type { OpenFiles } from './open-files.ts'
import type { StorageSettings } from './options.ts'
import type { Remover } from './remover.ts'
import type { Segment } from './segment.ts'
import { isStale, withMoved, withRewritten, withStart } from './segment-manifest.ts'
import {
  type MovedConfiguration,
  type MoveOptions,
  type MoveOutcome,
  SegmentMove,
} from './segment-move.ts'
import { type RepairTask, SegmentRewrite, wornSegments } from './segment-rewrite.ts'
import type { WalMessage } from './wal.ts'
import type { WalFile, WalIdentity } from './wal-file.ts'
import type { WalFiles } from './wal-files.ts'

export type SegmentMessage =
  /** Something may be due; looked at a little later, so that several causes make one job. */
  | { readonly type: 'work' }
  | { readonly type: 'look' }
  | { readonly type: 'continue'; readonly run: () => void }
  | {
      readonly type: 'drop-below'
      readonly log: GroupLogState
      readonly index: number
      readonly done: (error: Error | undefined, startIndex: number) => void
    }
  | { readonly type: 'repair'; readonly task: RepairTask }
  /** Runs after the pause before a full disk is tried again. */
  | { readonly type: 'retry-later'; readonly run: () => void }
  | { readonly type: 'close'; readonly done: () => void }

export interface SegmentWriterOptions {
  readonly disk: Disk
  readonly identity: WalIdentity
  readonly settings: StorageSettings
  readonly gate: IoGate
  readonly openFiles: OpenFiles
  readonly wal: ActorRef<WalMessage>
  readonly walFiles: WalFiles
  readonly manifest: ActorRef<ManifestMessage>
  readonly remover: Remover
  readonly logs: () => readonly GroupLogState[]
  /** The configuration that segments are about to hold; durable before `done`. */
  readonly settleConfiguration: (
    log: GroupLogState,
    configuration: MovedConfiguration,
    done: () => void,
  ) => void
  /** Puts entries `from` to `to` into the newest WAL file. */
  readonly copyForward: (log: GroupLogState, from: number, to: number) => void
  readonly diskFull: (full: boolean) => void
  readonly failed: (error: DiskError) => void
  /** The file is whole again. */
  readonly rewritten: (path: string) => void
}

interface Task {
  readonly log: GroupLogState
  readonly through: number
}

const gatherMs = 20
const damagedCode = 'QUORATE_STORAGE_DAMAGED'
/** Groups moved at the same time; their IO shares the gate. */
const movesMax = 2

export class SegmentActor implements Actor<SegmentMessage> {
  readonly metrics = { segmentBytes: 0, segmentEntries: 0, copiedForwardEntries: 0 }
  readonly #options: SegmentWriterOptions
  #busy = false
  #looking = false
  readonly #repairs: RepairTask[] = []
  #retries = 0
  /** WAL file whose entries were last copied forward: once is enough. */
  #copiedFile = 0
  #closing: (() => void) | undefined
  #context!: ActorContext<SegmentMessage>

  constructor(options: SegmentWriterOptions) {
    this.#options = options
  }

  /** `work` would change nothing: a look is due already. */
  get looking(): boolean {
    return this.#looking
  }

  started(context: ActorContext<SegmentMessage>): void {
    this.#context = context
    const { logs } = this.#options
    this.#continue(() => this.#repairs.push(...wornSegments(logs())))
    this.#lookLater(gatherMs)
  }

  receive(message: SegmentMessage): void {
    switch (message.type) {
      case 'work':
        this.#lookLater(gatherMs)
        return
      case 'look':
        this.#looking = false
        this.#look()
        return
      case 'continue':
        message.run()
        return
      case 'drop-below':
        this.#dropBelow(message.log, message.index, message.done)
        return
      case 'repair':
        this.#repairs.push(message.task)
        this.#look()
        return
      case 'retry-later':
        this.#retries += 1
        this.#context.setTimer(`retry-${this.#retries}`, this.#options.settings.diskRetryMs, {
          type: 'continue',
          run: message.run,
        })
        return
      case 'close':
        this.#closing = message.done
        if (!this.#busy) message.done()
        return
    }
  }

  #lookLater(delayMs: number): void {
    if (this.#looking) return
    this.#looking = true
    this.#context.setTimer('look', delayMs, { type: 'look' })
  }

  #look(): void {
    if (this.#busy || this.#closing !== undefined) return
    this.#options.wal.reply({ type: 'release' })
    const repair = this.#repairs.shift()
    if (repair !== undefined) {
      this.#busy = true
      this.#repair(repair)
      return
    }
    const tasks = this.#dueTasks()
    if (tasks.length === 0) {
      this.#options.diskFull(false)
      this.#copyForward()
      return
    }
    this.#busy = true
    this.#run(tasks)
  }

  #dueTasks(): Task[] {
    const { settings, walFiles } = this.#options
    const { current } = walFiles
    const tasks: Task[] = []
    for (const log of this.#options.logs()) {
      const hole = log.damaged.after(log.settled.index)
      const movable = Math.min(
        log.commitIndex,
        log.durableIndex,
        (hole?.firstIndex ?? Infinity) - 1,
      )
      if (log.dropped || movable <= log.settled.index) continue
      const old = log.findRecord(log.settled.index + 1, movable, ({ file }) => file !== current)
      const roll = log.rolls.findLast((index) => index <= movable)
      const through =
        old === undefined && !settings.probe.provoke('storage.move-early') ? roll : movable
      if (through !== undefined && through > log.settled.index) tasks.push({ log, through })
    }
    return tasks
  }

  get #moveOptions(): MoveOptions {
    const { disk, identity, gate, settings } = this.#options
    const { indexIntervalBytes } = settings
    const continueWith = (run: () => void): void => this.#continue(run)
    return { disk, identity, gate, indexIntervalBytes, continueWith }
  }

  #run(tasks: readonly Task[]): void {
    const outcomes: MoveOutcome[] = []
    const waiting = [...tasks]
    const options = this.#moveOptions
    const startNext = (): void => {
      const task = waiting.shift()
      if (task === undefined) return
      new SegmentMove(task.log, task.through, options, (outcome) => {
        outcomes.push(outcome)
        if (outcomes.length === tasks.length) this.#moved(outcomes)
        else startNext()
      }).start()
    }
    for (let number = 0; number < movesMax; number += 1) startNext()
  }

  #moved(outcomes: readonly MoveOutcome[]): void {
    // A replica that was dropped meanwhile has no files to fail on, and damage is a hole by now.
    const errors = outcomes
      .filter((outcome) => !isStale(outcome))
      .map(({ error }) => error)
      .filter((error) => error !== undefined)
      .filter((error) => !(error instanceof QuorateError && error.code === damagedCode))
    const fatal = errors.find((error) => !(error instanceof DiskError && error.code === 'ENOSPC'))
    if (fatal !== undefined) {
      this.#options.failed(fatal instanceof DiskError ? fatal : asDiskError(fatal))
      return
    }
    this.#options.diskFull(errors.length > 0)
    const changed = outcomes.filter(({ moved }) => moved.length > 0)
    const finish = (): void => {
      this.#busy = false
      if (this.#closing !== undefined) this.#closing()
      else this.#lookLater(errors.length > 0 ? this.#options.settings.diskRetryMs : gatherMs)
    }
    if (changed.length === 0) {
      finish()
      return
    }
    this.#settleConfigurations(changed, () => {
      this.#options.manifest.reply({
        type: 'change',
        change: (manifest) => withMoved(manifest, changed),
        done: () => {
          this.#continue(() => {
            for (const outcome of changed) this.#settle(outcome)
            this.#options.wal.reply({ type: 'release' })
            finish()
          })
        },
      })
    })
  }

  /** Before the manifests: a start that finds the entries in a segment does not read them. */
  #settleConfigurations(outcomes: readonly MoveOutcome[], then: () => void): void {
    const changes = outcomes.filter((each) => each.configuration !== undefined && !isStale(each))
    let open = changes.length
    if (open === 0) then()
    for (const { log, configuration } of changes) {
      this.#options.settleConfiguration(log, configuration!, () => {
        this.#continue(() => {
          open -= 1
          if (open === 0) then()
        })
      })
    }
  }

  #repair(task: RepairTask): void {
    const { log, segment, hole } = task
    const finish = (error?: Error): void => {
      this.#busy = false
      task.done(error)
      if (this.#closing !== undefined) this.#closing()
      else this.#lookLater(gatherMs)
    }
    const isFilled = hole !== undefined && log.damaged.find(hole) === undefined
    if (isFilled || !log.segmentList.includes(segment)) {
      finish()
      return
    }
    const { openFiles } = this.#options
    // Held open: until the new index is in force, reads go on in the old file.
    openFiles.acquire(segment.path, (_error, _file, release) => {
      new SegmentRewrite(task, this.#moveOptions, (error, rewritten) => {
        if (rewritten === undefined) {
          release()
          finish(this.#repairFailed(error!))
          return
        }
        this.#options.manifest.reply({
          type: 'change',
          change: (manifest) => withRewritten(manifest, log, rewritten.state),
          done: () => {
            this.#continue(() => {
              segment.replaced(rewritten.state, rewritten.rows)
              release()
              openFiles.forget(segment.path)
              if (hole !== undefined) log.damaged.removeInSegment(hole)
              this.#options.rewritten(segment.path)
              finish()
            })
          },
        })
      }).start()
    })
  }

  #repairFailed(error: Error): Error {
    if (!(error instanceof DiskError)) return error
    if (error.code !== 'ENOSPC') this.#options.failed(error)
    return ofDisk(error)
  }

  #settle(outcome: MoveOutcome): void {
    const { log, moved, entries, bytes } = outcome
    if (isStale(outcome)) return
    for (const { segment, isNew, state, rows } of moved) {
      segment.last = state.last
      segment.sizeBytes = state.sizeBytes
      segment.indexPosition = state.indexPosition
      segment.ended ||= state.ended
      segment.rows.push(...rows)
      if (isNew) log.segmentList.push(segment)
    }
    log.settle(moved.at(-1)!.state.last)
    this.metrics.segmentEntries += entries
    this.metrics.segmentBytes += bytes
  }

  /** Nothing can move, and the oldest file still is needed: by entries that are not committed. */
  #copyForward(): void {
    const { walFiles, settings } = this.#options
    const { oldest, current } = walFiles
    if (walFiles.count - 1 < settings.copyForwardFiles || oldest.number <= this.#copiedFile) return
    if (oldest === current || oldest.liveEntries === 0) return
    // Copying pays only while most of the full files is not needed; else it would never end.
    const { size, live } = walFiles.fullBytes
    if (live * 2 > size) return
    this.#copiedFile = oldest.number
    for (const log of this.#options.logs()) this.#copyOutOf(oldest, log)
  }

  /** Runs of entries: some of a log's may have been copied into this file before others. */
  #copyOutOf(oldest: WalFile, log: GroupLogState): void {
    const { lastIndex } = log
    let begin = log.settled.index + 1
    for (;;) {
      const from = log.findRecord(begin, lastIndex, ({ file }) => file === oldest)
      if (from === undefined) return
      begin = log.findRecord(from, lastIndex, ({ file }) => file !== oldest) ?? lastIndex + 1
      this.metrics.copiedForwardEntries += begin - from
      this.#options.copyForward(log, from, begin - 1)
    }
  }

  #dropBelow(
    log: GroupLogState,
    index: number,
    done: (error: Error | undefined, startIndex: number) => void,
  ): void {
    const { epoch } = log
    const checkpoints = new Set(log.checkpointList)
    // One that has not ended may be growing at this moment.
    const start = log.segmentList.findLast(
      ({ last, ended }) => ended && last.index <= index && checkpoints.has(last.index),
    )?.last
    if (log.dropped || start === undefined || start.index <= log.start.index) {
      done(undefined, log.start.index)
      return
    }
    this.#options.manifest.reply({
      type: 'change',
      change: (manifest) => (log.dropped ? manifest : withStart(manifest, log, start)),
      done: () => {
        this.#continue(() => {
          // The log began anew meanwhile, and the files are forgotten with what it was.
          if (log.epoch !== epoch) {
            done(undefined, log.start.index)
            return
          }
          const gone = log.segmentList.filter((segment) => segment.last.index <= start.index)
          log.moveStart(
            start,
            log.segmentList.filter((segment) => segment.last.index > start.index),
          )
          this.#removeFiles(gone)
          done(undefined, start.index)
        })
      },
    })
  }

  #removeFiles(segments: readonly Segment[]): void {
    for (const { path } of segments) {
      this.#options.openFiles.forget(path)
      this.#options.remover.remove(path)
    }
  }

  #continue(run: () => void): void {
    this.#context.self.reply({ type: 'continue', run })
  }
}

function asDiskError(error: Error): DiskError {
  return new DiskError('OTHER', 'segments', error.message, error)
}
