// Tells a history by hand, one step a call: time goes on by 1 ms each. Steps return the index of the
// event that a checker would name.
import { HistoryRecorder, type HistorySetting } from 'quorate/laboratory'

export const denseTopic = { topic: 't', partitions: 2, dense: true }
export const sparseTopic = { topic: 't', partitions: 2 }

type Sent = {
  key?: string
  partition?: number
  producer?: { id: string; epoch: number; sequence: number }
}
/** `value@offset` in partition 0, `value@partition/offset`, and `value=key@...` with a key. */
type Read = string

export class Story extends HistoryRecorder {
  #timeMs = 0

  constructor(setting: Partial<HistorySetting> = {}) {
    const usual = { source: 'test', topics: [denseTopic], idempotent: true, retention: false }
    super({ ...usual, ...setting })
  }

  /** The send begins; returns its index. */
  begin(process: string, value: string, sent: Sent = {}): number {
    return this.invoke('send', process, this.#now(), { topic: 't', value, ...sent })
  }

  acked(of: number, offset: number, partition = 0): number {
    return this.ok('send', of, this.#now(), { partition, offset })
  }

  failed(of: number): number {
    return this.fail(of, this.#now(), 'QUORATE_NOT_APPLIED')
  }

  unknown(of: number): number {
    return this.info(of, this.#now(), 'QUORATE_TIMEOUT')
  }

  /** Sends and is acked at once; returns the index of the ack. */
  send(process: string, value: string, offset: number, sent: Sent = {}): number {
    return this.acked(this.begin(process, value, sent), offset, sent.partition ?? 0)
  }

  read(process: string, ...records: Read[]): number {
    return this.delivered(process, this.#now(), { records: records.map(parse) })
  }

  assigned(process: string, offset: number | null = 0, partition = 0): number {
    const positions = [{ topic: 't', partition, offset }]
    return this.invoke('assign', process, this.#now(), { positions })
  }

  /** Everything that is read back in the end; returns the index of the read. */
  readBack(...records: Read[]): number {
    return this.readBackFrom(0, ...records)
  }

  readBackFrom(start: number, ...records: Read[]): number {
    const positions = [0, 1].map((partition) => ({
      topic: 't',
      partition,
      offset: partition === 0 ? start : 0,
    }))
    const of = this.invoke('assign', 'final', this.#now(), { positions, final: true })
    const read = this.read('final', ...records)
    this.ok('assign', of, this.#now(), {})
    return read
  }

  end(process: string, offset: number): number {
    return this.told(this.asksEnd(process), offset)
  }

  asksEnd(process: string): number {
    return this.invoke('end', process, this.#now(), { topic: 't', partition: 0 })
  }

  told(of: number, offset: number): number {
    return this.ok('end', of, this.#now(), { offset })
  }

  /** A call of a register begins; the words are `read`, `write true`, `set null true`. */
  calls(process: string, words: string): number {
    const [verb = '', ...values] = words.split(' ')
    const [first = null, second = null] = values.map((value) => JSON.parse(value) as boolean | null)
    const call = {
      read: { do: 'read' },
      write: { do: 'write', to: first },
      set: { do: 'compare-and-set', from: first, to: second },
    }[verb] as { do: 'read' }
    return this.invoke('register', process, this.#now(), { register: 'topic', ...call })
  }

  answered(of: number, value?: boolean | null): number {
    return this.ok('register', of, this.#now(), value === undefined ? {} : { value })
  }

  /** Sends to partition 0 together; the transaction begins. */
  beginsTogether(process: string, ...values: string[]): number {
    const sends = values.map((value) => ({ topic: 't', value }))
    return this.invoke('transaction', process, this.#now(), { sends })
  }

  /** The transaction has taken effect, at these offsets, and had read these records. */
  committed(of: number, offsets: number[], ...records: Read[]): number {
    const sends = offsets.map((offset) => ({ partition: 0, offset }))
    const answer = { sends, records: records.map(parse) }
    return this.ok('transaction', of, this.#now(), answer)
  }

  readFor(group: string, process: string, ...records: Read[]): number {
    return this.delivered(process, this.#now(), { records: records.map(parse), group })
  }

  dealtWith(group: string, process: string, offset: number): number {
    const record = { group, topic: 't', partition: 0, offset }
    const of = this.invoke('ack', process, this.#now(), record)
    return this.ok('ack', of, this.#now(), {})
  }

  excused(partition: number): number {
    const partitions = [{ topic: 't', partition }]
    return this.invoke('excuse', 'laboratory', this.#now(), { partitions, why: 'all copies cut' })
  }

  now(): number {
    return this.#now()
  }

  #now(): number {
    this.#timeMs += 1
    return this.#timeMs
  }
}

function parse(text: Read) {
  const [, value, key, partition, offset] = /^(\w+)(?:=(\w+))?@(?:(\d+)\/)?(\d+)$/.exec(text)!
  const place = { topic: 't', partition: Number(partition ?? 0), offset: Number(offset) }
  return { ...place, value: value!, ...(key === undefined ? {} : { key }) }
}
