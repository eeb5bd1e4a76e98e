// Events of a history put together to operations: every send with its outcome, what every process
// read and from where, every question for an end, every call of a register. Refuses a history that
// makes no sense. Takes the events one by one and keeps none. Knows nothing of anomalies. Next stop:
// facts.ts.
import {
  type Acknowledgement,
  type Answers,
  type Assignment,
  type Excuse,
  HistoryError,
  type HistoryEvent,
  type HistoryFunction,
  type HistoryHeader,
  type PartitionName,
  type ReadRecord,
  type RegisterCall,
  type RegisterValue,
  type SendAnswer,
  type SentRecord,
} from './event.ts'
import type { Operation, SendFacts, SendOutcome } from './log.ts'

export interface Poll {
  readonly kind: 'poll'
  /** Index of the event that brought the records. */
  readonly index: number
  /** Index of the invocation; -1: nobody asked. */
  readonly invokeIndex: number
  readonly invokedMs: number
  readonly records: readonly ReadRecord[]
  readonly group: string | undefined
}

export interface AckOperation extends Operation {
  readonly ack: Acknowledgement
  outcome: SendOutcome
}

/** The sends of it are among all sends; they share its index. */
export interface TransactionOperation extends Operation {
  readonly sends: readonly SendFacts[]
  /** What it polled inside. */
  polled: Poll | undefined
}

export interface AssignOperation extends Operation {
  readonly kind: 'assign'
  readonly assignment: Assignment
  done: boolean
}

export interface EndQuery extends Operation {
  readonly of: PartitionName
  /** -1: no answer. */
  offset: number
}

export interface RegisterOperation extends Operation {
  readonly call: RegisterCall
  outcome: SendOutcome
  value: RegisterValue | undefined
}

type Pending =
  | { readonly f: 'send'; readonly operation: SendFacts }
  | { readonly f: 'poll'; readonly operation: Operation }
  | { readonly f: 'assign'; readonly operation: AssignOperation }
  | { readonly f: 'end'; readonly operation: EndQuery }
  | { readonly f: 'register'; readonly operation: RegisterOperation }
  | { readonly f: 'ack'; readonly operation: AckOperation }
  | { readonly f: 'transaction'; readonly operation: TransactionOperation }

export class Operations {
  readonly header: HistoryHeader
  readonly sends: SendFacts[] = []
  readonly byValue = new Map<string, SendFacts>()
  /** By process: what it read and from where, in its order. */
  readonly readers = new Map<string, (Poll | AssignOperation)[]>()
  readonly ends: EndQuery[] = []
  readonly registers: RegisterOperation[] = []
  readonly acks: AckOperation[] = []
  readonly transactions: TransactionOperation[] = []
  readonly excuses: { readonly index: number; readonly excuse: Excuse }[] = []
  readonly #partitions: ReadonlyMap<string, number>
  readonly #open = new Map<number, Pending>()
  #index = 0
  #timeMs = Number.NEGATIVE_INFINITY

  constructor(header: HistoryHeader) {
    this.header = header
    this.#partitions = new Map(header.topics.map(({ topic, partitions }) => [topic, partitions]))
  }

  /** @throws {HistoryError} */
  add(event: HistoryEvent): void {
    const { index, timeMs } = event
    if (index !== this.#index) refuse(event, `follows event ${this.#index - 1}`)
    if (timeMs < this.#timeMs) refuse(event, `goes back from ${this.#timeMs} ms to ${timeMs} ms`)
    this.#index += 1
    this.#timeMs = timeMs
    if (event.type === 'invoke') this.#invoke(event)
    else this.#answer(event)
  }

  #invoke(event: HistoryEvent & { readonly type: 'invoke' }): void {
    const { index, process, timeMs: invokedMs } = event
    const begun = { process, index, invokedMs, answerIndex: -1, answeredMs: Number.NaN }
    switch (event.f) {
      case 'send':
        this.#open.set(index, { f: 'send', operation: this.#send(event, begun, event.value) })
        return
      case 'transaction': {
        const sends = event.value.sends.map((sent) => this.#send(event, begun, sent))
        const operation: TransactionOperation = { ...begun, sends, polled: undefined }
        this.transactions.push(operation)
        this.#open.set(index, { f: 'transaction', operation })
        return
      }
      case 'poll':
        this.#open.set(index, { f: 'poll', operation: begun })
        return
      case 'assign': {
        this.#mustBeReadable(event, event.value)
        const assignment = event.value
        const operation: AssignOperation = { ...begun, kind: 'assign', assignment, done: false }
        this.#read(process, operation)
        this.#open.set(index, { f: 'assign', operation })
        return
      }
      case 'end': {
        this.#mustExist(event, event.value)
        const operation: EndQuery = { ...begun, of: event.value, offset: -1 }
        this.ends.push(operation)
        this.#open.set(index, { f: 'end', operation })
        return
      }
      case 'register': {
        const call = { call: event.value, outcome: 'unknown', value: undefined } as const
        const operation: RegisterOperation = { ...begun, ...call }
        this.registers.push(operation)
        this.#open.set(index, { f: 'register', operation })
        return
      }
      case 'ack': {
        this.#mustExist(event, event.value)
        const operation: AckOperation = { ...begun, ack: event.value, outcome: 'unknown' }
        this.acks.push(operation)
        this.#open.set(index, { f: 'ack', operation })
        return
      }
      case 'excuse':
        for (const partition of event.value.partitions) this.#mustExist(event, partition)
        this.excuses.push({ index, excuse: event.value })
    }
  }

  #mustBeReadable(event: HistoryEvent, { positions, final }: Assignment): void {
    for (const position of positions) {
      this.#mustExist(event, position)
      if (final && position.offset === null) refuse(event, 'reads all and names no beginning')
    }
  }

  #send(event: HistoryEvent, begun: Operation, sent: SentRecord): SendFacts {
    const { topic, value, partition } = sent
    this.#mustExist(event, { topic, partition: partition ?? 0 })
    const operation: SendFacts = {
      process: begun.process,
      index: begun.index,
      invokedMs: begun.invokedMs,
      answerIndex: -1,
      answeredMs: Number.NaN,
      sent,
      outcome: 'unknown',
      partition: partition ?? -1,
      offset: -1,
      code: undefined,
      log: undefined,
      place: undefined,
      otherPlaces: undefined,
      readAt: -1,
      inFinal: false,
    }
    if (this.byValue.has(value)) refuse(event, `sends ${value}, which was sent before`)
    this.byValue.set(value, operation)
    this.sends.push(operation)
    return operation
  }

  #answer(event: Exclude<HistoryEvent, { readonly type: 'invoke' }>): void {
    const { of, f, process } = event
    if (of === undefined) {
      if (event.f !== 'poll' || event.type !== 'ok') refuse(event, 'names no invocation')
      else this.#polled(event, event.value, { invokeIndex: -1, invokedMs: Number.NaN })
      return
    }
    const pending = this.#open.get(of) ?? refuse(event, `answers ${of}, where nothing is open`)
    const { operation } = pending
    if (pending.f !== f) refuse(event, `answers ${of}, which is a ${pending.f}`)
    if (operation.process !== process) refuse(event, `answers ${of} of another process`)
    this.#open.delete(of)
    operation.answerIndex = event.index
    operation.answeredMs = event.timeMs
    if (event.type === 'ok') {
      this.#ok(event, pending)
      return
    }
    const outcome = event.type === 'fail' ? 'failed' : 'unknown'
    if (pending.f === 'register' || pending.f === 'ack') pending.operation.outcome = outcome
    for (const send of sendsOf(pending)) {
      send.outcome = outcome
      send.code = event.value.code
      send.answerIndex = event.index
      send.answeredMs = event.timeMs
    }
  }

  #ok(event: HistoryEvent & { readonly type: 'ok' }, pending: Pending): void {
    if (pending.f === 'send') {
      this.#stored(event, pending.operation, event.value as Answers['send'])
    } else if (pending.f === 'transaction') {
      this.#committed(event, pending.operation, event.value as Answers['transaction'])
    } else if (pending.f === 'poll') {
      const { index: invokeIndex, invokedMs } = pending.operation
      this.#polled(event, event.value as Answers['poll'], { invokeIndex, invokedMs })
    } else if (pending.f === 'ack') pending.operation.outcome = 'acked'
    else if (pending.f === 'assign') pending.operation.done = true
    else if (pending.f === 'end') pending.operation.offset = (event.value as Answers['end']).offset
    else {
      const { value } = event.value as Answers['register']
      if (pending.operation.call.do === 'read' && value === undefined) refuse(event, 'read nothing')
      pending.operation.outcome = 'acked'
      pending.operation.value = value
    }
  }

  #stored(event: HistoryEvent, send: SendFacts, { partition, offset = -1 }: SendAnswer): void {
    this.#mustExist(event, { topic: send.sent.topic, partition })
    send.outcome = 'acked'
    send.partition = partition
    send.offset = offset
    send.answerIndex = event.index
    send.answeredMs = event.timeMs
  }

  #committed(
    event: HistoryEvent,
    transaction: TransactionOperation,
    { sends: answers, records = [] }: Answers['transaction'],
  ): void {
    const { index, invokedMs, sends } = transaction
    if (answers.length !== sends.length) refuse(event, `has ${sends.length} sends`)
    for (const [each, send] of sends.entries()) this.#stored(event, send, answers[each]!)
    if (records.length === 0) return
    transaction.polled = this.#polled(event, { records }, { invokeIndex: index, invokedMs })
  }

  #polled(
    event: HistoryEvent,
    { records, group }: Answers['poll'],
    asked: Pick<Poll, 'invokeIndex' | 'invokedMs'>,
  ): Poll {
    for (const record of records) this.#mustExist(event, record)
    const poll: Poll = { kind: 'poll', index: event.index, ...asked, records, group }
    this.#read(event.process, poll)
    return poll
  }

  #read(process: string, step: Poll | AssignOperation): void {
    const steps = this.readers.get(process)
    if (steps === undefined) this.readers.set(process, [step])
    else steps.push(step)
  }

  #mustExist(event: HistoryEvent, { topic, partition }: PartitionName): void {
    const partitions = this.#partitions.get(topic)
    if (partitions === undefined) refuse(event, `is of topic ${topic}, which the header has not`)
    else if (partition >= partitions) refuse(event, `is of ${topic}/${partition}, of ${partitions}`)
  }
}

function sendsOf(pending: Pending): readonly SendFacts[] {
  if (pending.f === 'send') return [pending.operation]
  return pending.f === 'transaction' ? pending.operation.sends : []
}

function refuse(
  { index, f }: { readonly index: number; readonly f: HistoryFunction },
  why: string,
): never {
  throw new HistoryError(`event ${index} (line ${index + 2}): ${f} ${why}`)
}
