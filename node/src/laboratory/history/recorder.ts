// Writes down what clients do and see, in memory. Whoever calls says when: virtual or real time. Has no
// opinion. Next stop: check-history.ts, or files-node.ts to keep it.
import { QuorateError } from '@quorate/protocol'
import type {
  Answers,
  History,
  HistoryEvent,
  HistoryFunction,
  HistoryHeader,
  HistorySetting,
  Invocations,
} from './event.ts'

export class HistoryRecorder implements History {
  readonly header: HistoryHeader
  readonly events: HistoryEvent[] = []

  constructor(setting: HistorySetting) {
    this.header = { history: 1, ...setting }
  }

  /** An operation begins. Returns its index, by which its outcome is told. */
  invoke<F extends HistoryFunction>(
    f: F,
    process: string,
    timeMs: number,
    value: Invocations[F],
  ): number {
    return this.#add({ index: this.events.length, process, timeMs, type: 'invoke', f, value })
  }

  /** It took effect. */
  ok<F extends HistoryFunction>(f: F, of: number, timeMs: number, value: Answers[F]): number {
    const { process } = this.events[of]!
    return this.#add({ index: this.events.length, process, timeMs, type: 'ok', f, of, value })
  }

  /** It took no effect and never will. */
  fail(of: number, timeMs: number, code?: string): number {
    return this.#unanswered('fail', of, timeMs, code)
  }

  /** Nobody knows: it may have taken effect, or may yet. */
  info(of: number, timeMs: number, code?: string): number {
    return this.#unanswered('info', of, timeMs, code)
  }

  /** A send is stored. An offset below 0: nobody knows any more where. */
  stored(of: number, timeMs: number, partition: number, offset: number): void {
    this.ok('send', of, timeMs, offset < 0 ? { partition } : { partition, offset })
  }

  /** An operation ended with an error: `fail` when that says for certain that nothing took effect. */
  refused(of: number, timeMs: number, error: unknown): 'fail' | 'info' {
    const known = error instanceof QuorateError ? error : undefined
    const type = known?.outcome === 'not-applied' ? 'fail' : 'info'
    this.#unanswered(type, of, timeMs, known?.code ?? String(error))
    return type
  }

  /** Records came that nobody had asked for one by one, as a subscription brings them. */
  delivered(process: string, timeMs: number, value: Answers['poll']): number {
    return this.#add({ index: this.events.length, process, timeMs, type: 'ok', f: 'poll', value })
  }

  #unanswered(type: 'fail' | 'info', of: number, timeMs: number, code: string | undefined): number {
    const { process, f } = this.events[of]!
    const value = code === undefined ? {} : { code }
    return this.#add({ index: this.events.length, process, timeMs, type, f, of, value })
  }

  /** The types of function and value are tied together by the callers above. */
  #add<E extends { readonly index: number }>(event: E): number {
    this.events.push(event as unknown as HistoryEvent)
    return event.index
  }
}
