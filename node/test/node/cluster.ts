// Whole broker nodes in one process, on simulated clock, disks and network, with clients that speak
// NATS as bytes. Nothing runs by itself: a test lets time pass. What a node must never do (fail an
// actor, halt a replica, end by itself) is collected and looked at by the test.
import { type SimulatedHost, Simulation } from '@quorate/actors/testing'
import type { QuorateError } from '@quorate/protocol'
import { withMembers } from '../../src/cli/plan-file.ts'
import { BrokerNode } from '../../src/node.ts'
import type { NodeOptions } from '../../src/node-environment.ts'
import type { EventLog, LogRecord } from '../../src/observe/log.ts'
import { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'
import { SimulatedNetwork } from '../../src/simulation/simulated-network.ts'
import { formatNode } from '../../src/storage/format.ts'
import { newPlan, type Plan, planNode } from '../../src/storage/plan.ts'
import { TestClient } from './client.ts'

const defects = new Set(['actor.failed', 'handler.failed', 'partition.halted', 'metadata.halted'])
const kib = 1024

export interface TestClusterOptions {
  readonly autoCreateTopics?: boolean
  readonly cacheBytesMax?: number
}

interface Node {
  readonly name: string
  readonly address: string
  readonly disk: SimulatedDisk
  host: SimulatedHost | undefined
  broker: BrokerNode | undefined
  readonly records: LogRecord[]
}

export class TestCluster {
  readonly simulation: Simulation
  readonly network: SimulatedNetwork
  names: readonly string[]
  /** As the plan file of an operator would hold it. */
  plan: Plan
  readonly nodes = new Map<string, Node>()
  /** What must not happen and did. */
  readonly defects: string[] = []
  readonly #options: TestClusterOptions
  #clients = 0

  constructor(seed: string, count: number, options: TestClusterOptions = {}) {
    this.#options = options
    this.simulation = new Simulation(seed)
    const { simulation } = this
    const { random } = simulation
    this.network = new SimulatedNetwork(simulation, random)
    this.names = Array.from({ length: count }, (_, at) => `n${at + 1}`)
    const listed = this.names.map((id, at) => ({ id, address: `10.0.0.${at + 1}:4222` }))
    const hex = (digits: number) =>
      Array.from({ length: digits }, () => random.integer('format', 16).toString(16)).join('')
    this.plan = newPlan(listed, hex)
    for (const { id, address } of listed) this.#format(id, address)
  }

  #format(id: string, address: string): void {
    const { simulation } = this
    const disk = new SimulatedDisk({
      name: id,
      scheduler: simulation,
      random: simulation.random,
    })
    formatNode(disk.process(), this.plan, id, '/data')
    const node = { name: id, address, disk, host: undefined, broker: undefined, records: [] }
    this.nodes.set(id, node)
  }

  /** As `cluster add-node` or `replace-node`, then `server format` and a start. */
  join(verb: 'node-add' | 'node-replace', name: string, by: TestClient): void {
    this.agree(verb, name, by)
    this.form(name)
  }

  agree(verb: 'node-add' | 'node-replace', name: string, by: TestClient): void {
    const address = `10.0.0.${Number(name.slice(1))}:4222`
    const incarnation = this.simulation.random
      .integer('join', 2 ** 32)
      .toString(16)
      .padStart(16, '0')
    const { members } = by.call(verb, undefined, { node: name, incarnation, address })
    this.plan = withMembers(this.plan, members)
  }

  /** A new disk, formatted from the plan as it is now. */
  form(name: string): void {
    this.#format(name, planNode(this.plan, name)!.address)
    if (!this.names.includes(name)) this.names = [...this.names, name]
    this.start(name)
  }

  /** A cluster whose nodes are all ready. */
  static ready(seed: string, count: number, options: TestClusterOptions = {}): TestCluster {
    const cluster = new TestCluster(seed, count, options)
    for (const name of cluster.names) cluster.start(name)
    cluster.untilReady()
    return cluster
  }

  node(name: string): Node {
    return this.nodes.get(name)!
  }

  start(name: string, options: Partial<NodeOptions> = {}): void {
    const node = this.node(name)
    const { simulation } = this
    const host = simulation.host(name)
    const random = {
      integer: (purpose: string, bound: number) =>
        simulation.random.integer(`${name}/${purpose}`, bound),
    }
    const hex = () =>
      random
        .integer('nonce', 2 ** 32)
        .toString(16)
        .padStart(8, '0')
    node.host = host
    BrokerNode.start(
      {
        disk: node.disk.process(host),
        network: this.network.host(name, host),
        host,
        random,
        log: this.#log(node, host),
        nonce: () => hex() + hex() + hex() + hex(),
        failed: (reason) => this.defects.push(`${name} failed: ${reason}`),
        session: 1 + random.integer('session', 2 ** 32 - 2),
      },
      {
        folder: '/data',
        bind: (listen) => ({ listen, advertise: undefined }),
        peers: new Map(),
        autoCreateTopics: this.#options.autoCreateTopics ?? false,
        version: '0.0.0-test',
        timing: { heartbeatMs: 100, electionTimeoutMinMs: 600, electionTimeoutMaxMs: 900 },
        storage: {
          walFileBytes: 1024 * kib,
          walBatchBytesMax: 256 * kib,
          cacheBytesMax: this.#options.cacheBytesMax ?? 1024 * kib,
          // A full disk is one that has no byte left.
          diskReserveBytes: 0,
        },
        ...options,
      },
      (error: QuorateError | undefined, broker) => {
        if (error !== undefined) this.defects.push(`${name} cannot start: ${error.message}`)
        node.broker = broker
      },
    )
  }

  #log(node: Node, host: SimulatedHost): EventLog {
    const keep =
      (level: LogRecord['level']) =>
      (event: string, fields: LogRecord['fields'] = {}): void => {
        if (host.crashed) return
        node.records.push({ level, event, fields })
        if (!defects.has(event)) return
        const error = fields['error']
        const text = error instanceof Error ? error.stack : JSON.stringify(fields)
        this.defects.push(`${node.name} ${event}: ${text}`)
      }
    return { info: keep('info'), warn: keep('warn'), error: keep('error') }
  }

  /** `kill`: what is written stays. `power`: what is not synced is lost. */
  crash(name: string, kind: 'kill' | 'power' = 'kill'): void {
    const node = this.node(name)
    node.host?.crash()
    node.disk.crash(kind)
    this.network.crash(name, kind === 'power' ? 'machine' : 'process')
    node.host = undefined
    node.broker = undefined
  }

  /** A clean stop, as after SIGTERM; then the process ends. */
  stop(name: string): void {
    let stopped = false
    this.node(name).broker!.stop(() => {
      stopped = true
    })
    this.until(`${name} has stopped`, () => stopped)
    this.pass(10)
    this.crash(name)
  }

  pass(forMs: number): void {
    this.simulation.runUntil(this.simulation.nowMs + forMs)
  }

  until(what: string, condition: () => boolean, forMs = 20_000): void {
    const { simulation } = this
    if (simulation.runUntilTrue(condition, simulation.nowMs + forMs)) return
    throw new Error(`not within ${forMs} ms: ${what}; defects: ${this.defects.join('\n')}`)
  }

  untilReady(): void {
    this.until('all nodes are ready', () => this.names.every((name) => this.isReady(name)))
  }

  isReady(name: string): boolean {
    return (
      this.node(name)
        .broker?.ready()
        .every(({ ok }) => ok) === true
    )
  }

  events(name: string, event: string): LogRecord[] {
    return this.node(name).records.filter((record) => record.event === event)
  }

  client(name: string): TestClient {
    this.#clients += 1
    const id = `c${this.#clients}`
    const host = this.simulation.host(id)
    return new TestClient(this, id, this.network.host(id, host), this.node(name).address)
  }
}
