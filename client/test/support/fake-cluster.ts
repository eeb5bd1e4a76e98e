// A scripted cluster behind in-memory links, on simulated time: nodes that answer the client's
// requests from a model, and verbs that go wrong on purpose: mute, drop replies, move leaders.
import type { Host } from '@quorate/actors'
import { eventClass, type Simulation } from '@quorate/actors/testing'
import type {
  ErrorCode,
  FetchRequest,
  Route,
  Verb,
  WriteItem,
  WriteResult,
} from '@quorate/protocol'
import {
  chunksOf,
  decodeFetchRequest,
  decodeWriteRequest,
  encodeFetchReply,
  encodeWriteReply,
  joinChunks,
  leaderEventSubject,
  parseApiSubject,
  QuorateError,
} from '@quorate/protocol'
import type { LinkOpener } from '../../src/link.ts'
import { FakeLink } from './fake-link.ts'
import type { FakeNode, FakeRequest, Reply } from './fake-node.ts'
import { failure } from './fake-node.ts'
import { ModelPartition } from './model-partition.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export interface FakeTopic {
  readonly name: string
  readonly topicId: number
  readonly partitions: ModelPartition[]
}

/** What a test does to a request: nothing, or one of these. */
export type Interference =
  | 'drop-request'
  | 'drop-reply'
  | 'no-responders'
  | { readonly reply: Reply; readonly delayMs?: number }
  | { readonly delayMs: number }
  | undefined

export class FakeCluster {
  readonly simulation: Simulation
  readonly nodes: FakeNode[] = []
  readonly topics = new Map<string, FakeTopic>()
  /** Every request that reached a node, in order. */
  readonly requests: FakeRequest[] = []
  interfere: (request: FakeRequest) => Interference = () => undefined
  latencyMs = 1
  autoCreate = false
  nextProducerId = 1
  nextTopicId = 7

  constructor(simulation: Simulation, nodes = 3) {
    this.simulation = simulation
    for (let index = 1; index <= nodes; index += 1) {
      this.nodes.push({
        id: `n${index}`,
        address: `127.0.0.1:${4221 + index}`,
        down: false,
        mute: false,
        paused: undefined,
        view: new Map(),
        links: new Set(),
      })
    }
  }

  node(id: string): FakeNode {
    return this.nodes.find((node) => node.id === id)!
  }

  /** Leaders go round the nodes. */
  createTopic(name: string, partitions: number): FakeTopic {
    const topicId = this.nextTopicId++
    const topic: FakeTopic = {
      name,
      topicId,
      partitions: Array.from({ length: partitions }, (_, index) => new ModelPartition(index)),
    }
    this.topics.set(name, topic)
    for (const partition of topic.partitions) {
      const leader = this.nodes[partition.partition % this.nodes.length]!.id
      this.moveLeader(topic, partition.partition, leader, { announce: false })
    }
    return topic
  }

  /** A new term. Nodes that are mute or not in `known` do not learn of it. */
  moveLeader(
    topic: FakeTopic,
    partition: number,
    leader: string | undefined,
    options: { announce?: boolean; known?: readonly string[] } = {},
  ): void {
    const model = topic.partitions[partition]!
    model.leader = leader
    model.term += 1
    for (const wake of [...model.waiting]) wake()
    const known = options.known ?? this.nodes.map((node) => node.id)
    for (const node of this.nodes) {
      if (node.mute || node.paused !== undefined || !known.includes(node.id)) continue
      node.view.set(`${topic.topicId}/${partition}`, { leader, term: model.term })
      if (options.announce !== false && leader !== undefined) {
        const event = {
          topicId: topic.topicId,
          partition,
          node: leader,
          address: this.node(leader).address,
          term: model.term,
        }
        this.publish(node, leaderEventSubject, encoder.encode(JSON.stringify(event)))
      }
    }
  }

  publish(node: FakeNode, subject: string, payload: Uint8Array): void {
    for (const link of [...node.links]) link.deliver(subject, payload)
  }

  /** SIGKILL: connections close, new ones are refused. */
  kill(id: string): void {
    const node = this.node(id)
    node.down = true
    for (const link of [...node.links]) link.drop()
  }

  revive(id: string): void {
    const node = this.node(id)
    node.down = false
    node.mute = false
    this.resume(id)
    for (const topic of this.topics.values()) {
      for (const { partition, leader, term } of topic.partitions) {
        node.view.set(`${topic.topicId}/${partition}`, { leader, term })
      }
    }
  }

  requestsOf(verb: Verb): FakeRequest[] {
    return this.requests.filter((request) => request.verb === verb)
  }

  after(delayMs: number, run: () => void): void {
    this.simulation.at(this.simulation.nowMs + delayMs, eventClass.network, run)
  }

  opener(host: Host): LinkOpener {
    return {
      open: (address, events) => {
        this.after(this.latencyMs, () => {
          const node = this.nodes.find((each) => each.address === address)
          if (node?.mute) return
          if (node === undefined || node.down) {
            events.failed(new Error(`connection to ${address} refused`))
            return
          }
          const link = new FakeLink(this, node, host, (error) => events.closed(error))
          node.links.add(link)
          events.opened(link)
        })
      },
    }
  }

  /** A request has arrived at a node. */
  serve(
    node: FakeNode,
    subject: string,
    payload: Uint8Array,
    reply: (answer: Reply | 'no-responders') => void,
  ): void {
    const parsed = parseApiSubject(subject)
    if (parsed === undefined) throw new Error(`the client asked for ${subject}`)
    const request = { node, verb: parsed.verb, topic: parsed.topic, payload }
    this.requests.push(request)
    if (node.mute) return
    if (node.paused === undefined) this.#handle(request, reply)
    else node.paused.push(() => this.#handle(request, reply))
  }

  /** SIGSTOP: what arrives waits, on connections that stay open. */
  pause(id: string): void {
    this.node(id).paused ??= []
  }

  resume(id: string): void {
    const node = this.node(id)
    const held = node.paused ?? []
    node.paused = undefined
    for (const run of held) run()
  }

  #handle(request: FakeRequest, reply: (answer: Reply | 'no-responders') => void): void {
    const interference = this.interfere(request)
    if (interference === 'drop-request') return
    if (interference === 'no-responders') {
      reply('no-responders')
      return
    }
    if (typeof interference === 'object' && 'reply' in interference) {
      const { reply: answer, delayMs: afterMs = 0 } = interference
      this.after(afterMs, () => reply(answer))
      return
    }
    const delayMs = typeof interference === 'object' ? interference.delayMs : 0
    this.#answer(request, (answer) => {
      if (interference === 'drop-reply') return
      if (delayMs > 0) this.after(delayMs, () => reply(answer))
      else reply(answer)
    })
  }

  #answer(request: FakeRequest, reply: (answer: Reply) => void): void {
    const { node, verb, payload } = request
    if (verb === 'fetch') {
      this.#fetch(node, decodeFetchRequest(payload), (bytes) => reply({ payload: bytes }))
      return
    }
    if (verb === 'write') {
      const results = decodeWriteRequest(payload).map((item) => this.write(node, item))
      reply({ payload: joinChunks(encodeWriteReply(results)) })
      return
    }
    try {
      const text = decoder.decode(payload)
      const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
      reply({ payload: encoder.encode(JSON.stringify(this.#json(request, body))) })
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error
      reply(failure(error.code, error.detail))
    }
  }

  #json({ node, verb, topic: name }: FakeRequest, body: Record<string, unknown>): unknown {
    switch (verb) {
      case 'producer':
        return { producerId: this.nextProducerId++, epoch: 0 }
      case 'leader':
        return this.#leader(node, `${body['topicId']}/${body['partition']}`)
      case 'route':
        return this.#route(node, this.#topic(name!, body['create'] === true && this.autoCreate))
      case 'offsets':
        return this.#offsets(this.#topic(name!), body)
      case 'create': {
        if (this.topics.has(name!)) throw new QuorateError('QUORATE_TOPIC_EXISTS', name)
        const { topicId, partitions } = this.createTopic(name!, Number(body['partitions'] ?? 1))
        return { ...body, topic: name, topicId, partitions: partitions.length }
      }
      case 'delete': {
        const { topicId } = this.#topic(name!)
        this.topics.delete(name!)
        return { topic: name, topicId }
      }
      case 'list':
        return { topics: [...this.topics.values()].map(({ name: topic }) => ({ topic })) }
      default:
        return { verb, topic: name }
    }
  }

  #topic(name: string, create = false): FakeTopic {
    const topic = this.topics.get(name) ?? (create ? this.createTopic(name, 2) : undefined)
    if (topic === undefined) throw new QuorateError('QUORATE_UNKNOWN_TOPIC', name)
    return topic
  }

  #leader(node: FakeNode, partition: string) {
    const view = node.view.get(partition)
    if (view?.leader === undefined) return { term: view?.term ?? 0 }
    const leader = { node: view.leader, address: this.node(view.leader).address }
    return { leader, term: view.term }
  }

  #find(topicId: number, partition: number): ModelPartition | undefined {
    const topic = [...this.topics.values()].find((each) => each.topicId === topicId)
    return topic?.partitions[partition]
  }

  #hint(node: FakeNode, topicId: number, partition: number) {
    const view = node.view.get(`${topicId}/${partition}`)
    if (view?.leader === undefined || view.leader === node.id) return {}
    const { leader, term } = view
    return { leader: { node: leader, address: this.node(leader).address, term } }
  }

  write(node: FakeNode, { topicId, partition, batch }: WriteItem): WriteResult {
    const base = { topicId, partition, offset: -1, duplicate: false }
    const model = this.#find(topicId, partition)
    if (model === undefined) return { ...base, error: 'QUORATE_UNKNOWN_TOPIC' }
    if (model.leader !== node.id) {
      return { ...base, error: 'QUORATE_NOT_LEADER', ...this.#hint(node, topicId, partition) }
    }
    const appended = model.append(joinChunks(batch), this.simulation.nowMs)
    return { ...base, ...appended }
  }

  #fetch(node: FakeNode, request: FetchRequest, done: (bytes: Uint8Array) => void): void {
    const { topicId, partition, offset, maxBytes, waitMs } = request
    const model = this.#find(topicId, partition)
    const reply = (error: ErrorCode | undefined, batches: Uint8Array[] = []) => {
      const bytes = encodeFetchReply({
        ...(error === undefined ? {} : { error }),
        ...(error === 'QUORATE_NOT_LEADER' ? this.#hint(node, topicId, partition) : {}),
        highWatermark: model?.nextOffset ?? -1,
        logStartOffset: model?.startOffset ?? -1,
        batches: chunksOf(...batches),
      })
      done(joinChunks(bytes))
    }
    if (model === undefined) {
      reply('QUORATE_UNKNOWN_TOPIC')
      return
    }
    let ended = false
    const attempt = (last: boolean) => {
      if (ended) return
      const refused =
        model.leader !== node.id
          ? 'QUORATE_NOT_LEADER'
          : offset < model.startOffset || offset > model.nextOffset
            ? 'QUORATE_OFFSET_OUT_OF_RANGE'
            : undefined
      const batches = refused === undefined ? model.read(offset, maxBytes) : []
      if (refused === undefined && batches.length === 0 && !last) return
      ended = true
      model.waiting.delete(wake)
      reply(refused, batches)
    }
    const wake = () => attempt(false)
    model.waiting.add(wake)
    attempt(waitMs === 0)
    if (!ended) this.after(waitMs, () => attempt(true))
  }

  #route(node: FakeNode, topic: FakeTopic): Route {
    return {
      topic: topic.name,
      topicId: topic.topicId,
      partitions: topic.partitions.map(({ partition }) => {
        const view = node.view.get(`${topic.topicId}/${partition}`)
        const leader = view?.leader === undefined ? {} : { leader: view.leader }
        return {
          partition,
          term: view?.term ?? 0,
          replicas: this.nodes.map((n) => n.id),
          ...leader,
        }
      }),
      nodes: this.nodes.map(({ id, address }) => ({ id, address })),
    }
  }

  #offsets(topic: FakeTopic, request: Record<string, unknown>) {
    const partition = Number(request['partition'])
    const model = topic.partitions[partition]!
    const { at } = request as { at: 'earliest' | 'latest' | { timeMs: number } }
    if (at === 'earliest') return { partition, offset: model.startOffset }
    if (at === 'latest') return { partition, offset: model.nextOffset }
    const first = model.batches.find((batch) => batch.atMs >= at.timeMs)
    return { partition, offset: first?.baseOffset ?? model.nextOffset }
  }
}
