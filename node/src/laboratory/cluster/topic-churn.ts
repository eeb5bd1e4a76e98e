// Topics that come and go beside the traffic: one client creates and deletes the topic of one name in
// turn, another one lists what there is. Whether a topic exists is a register: every call is written
// into the history, whose checker finds out whether any order explains the answers. After a call of
// unknown outcome the name is left alone but for looking: such a call may take effect later.
import type { ListReply } from '@quorate/protocol'
import type { SimulatedCluster } from './cluster.ts'
import type { SimulatedClient } from './simulated-client.ts'
import type { Workload } from './workload.ts'

const deadlineMs = 5_000
/** Names that are looked at while topics come and go, the youngest. */
const lookedAt = 3

/** What a client finds when it creates, or deletes, what is already so. */
const alreadySo: ReadonlySet<string> = new Set(['QUORATE_TOPIC_EXISTS', 'QUORATE_UNKNOWN_TOPIC'])

export class TopicChurn {
  /** Requests to create or delete that were answered with a definite result. */
  done = 0
  readonly #cluster: SimulatedCluster
  readonly #workload: Workload
  #names = 1
  #running = false
  #open = 0

  constructor(cluster: SimulatedCluster, workload: Workload) {
    this.#cluster = cluster
    this.#workload = workload
  }

  /** No request is out. */
  get idle(): boolean {
    return this.#open === 0
  }

  start(): void {
    this.#running = this.#cluster.plan.workload.churnEveryMs > 0
    this.#change('absent')
    this.#look()
  }

  stop(): void {
    this.#running = false
  }

  /** Looks which of all topics there are; the history says whether that may be. */
  lookAtAll(done: (listed: boolean) => void): void {
    this.#list(this.#workload.reader, 1, done)
  }

  /** Creates or deletes the topic, by what is known of it. */
  #change(before: 'present' | 'absent'): void {
    if (!this.#running) return
    const { history, reader } = this.#workload
    const { replicas, churnEveryMs } = this.#cluster.plan.workload
    const name = nameOf(this.#names)
    const [from, to] = before === 'absent' ? ([null, true] as const) : ([true, null] as const)
    const call = { register: name, do: 'compare-and-set', from, to } as const
    const of = history.invoke('register', reader.name, this.#nowMs, call)
    const verb = before === 'absent' ? 'create' : 'delete'
    const body = before === 'absent' ? { partitions: 2, replicas } : undefined
    this.#open += 1
    reader.call(verb, name, body, { deadlineMs, repeatable: false }, (_reply, error) => {
      this.#open -= 1
      const isUnknown = error !== undefined && error.outcome !== 'not-applied'
      const isSo = error === undefined || alreadySo.has(error.code)
      if (isUnknown) history.info(of, this.#nowMs, error.code)
      else if (!isSo) history.fail(of, this.#nowMs, error.code)
      else history.ok('register', of, this.#nowMs, error === undefined ? {} : { value: to })
      if (isUnknown) this.#names += 1
      else this.done += 1
      const after = isUnknown || (to === null) === isSo ? 'absent' : 'present'
      reader.host.setTimer(() => this.#change(after), churnEveryMs)
    })
  }

  #look(): void {
    if (!this.#running) return
    const client = this.#workload.clients[0]!
    this.#list(client, Math.max(this.#names - lookedAt + 1, 1), () => {
      client.host.setTimer(() => this.#look(), this.#cluster.plan.workload.churnEveryMs)
    })
  }

  #list(client: SimulatedClient, first: number, done: (listed: boolean) => void): void {
    const { history } = this.#workload
    const reads = Array.from({ length: this.#names - first + 1 }, (_, each) => {
      const register = nameOf(first + each)
      const of = history.invoke('register', client.name, this.#nowMs, { register, do: 'read' })
      return { register, of }
    })
    this.#open += 1
    const options = { deadlineMs, repeatable: true }
    client.call<ListReply>('list', undefined, undefined, options, (reply, error) => {
      this.#open -= 1
      const present = new Set(reply?.topics.map(({ topic }) => topic))
      for (const { register, of } of reads) {
        if (reply === undefined) history.info(of, this.#nowMs, error?.code)
        else {
          const value = present.has(register) ? true : null
          history.ok('register', of, this.#nowMs, { value })
        }
      }
      done(reply !== undefined)
    })
  }

  get #nowMs(): number {
    return this.#cluster.simulation.nowMs
  }
}

function nameOf(number: number): string {
  return `churn-${number}`
}
