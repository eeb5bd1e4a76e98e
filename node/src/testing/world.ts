// The simulated world of one test: a cluster, the machines of the user's processes and clients, and
// everything that can be done to them, at once and without promises. Says who is who by name; unknown
// names are errors. test-cluster.ts gives it to users, chaos-run.ts draws faults for it.
import { eventClass, type SimulatedHost } from '@quorate/actors/testing'
import type { TopicSummary } from '@quorate/client'
import { SimulatedCluster } from '../laboratory/cluster/cluster.ts'
import { Damages } from '../laboratory/cluster/damage.ts'
import { dataFolder, type SimulatedNode } from '../laboratory/cluster/simulated-node.ts'
import type { FileKind } from '../laboratory/plan/fault-table.ts'
import type { Plan } from '../laboratory/plan/plan.ts'
import { deliveries, usualTiming } from '../laboratory/plan/plan-menu.ts'
import { groupKey, metadataKey, parseGroupKey } from '../storage/log-entry.ts'
import { invalid } from './invalid.ts'
import { brokenPromises } from './kept-promises.ts'
import { ObservedHistory } from './observed-history.ts'
import { Partitions } from './partitions.ts'
import { storedRecords } from './stored-records.ts'
import { TestClusterError } from './test-cluster-error.ts'
import { Timeline } from './timeline.ts'
import { type ProcessFunction, type ProcessOptions, UserProcess } from './user-process.ts'

export interface WorldListener {
  touch(): void
  guard(process: string, start: () => void): void
  /** Nothing goes on as the test expects. */
  failed(error: TestClusterError): void
}

/** Virtual time in which a cluster without faults must elect its first leader. */
const formMs = 60_000
/** Places of a file that are tried: most damage must not be done to a node that runs. */
const damageAttemptsMax = 20

export class World {
  readonly cluster: SimulatedCluster
  readonly timeline = new Timeline()
  readonly history = new ObservedHistory(() => Math.floor(this.nowMs))
  readonly processes: UserProcess[] = []
  readonly partitions: Partitions
  readonly #damages: Damages
  readonly #listener: WorldListener
  /** Hosts of the test's own clients. */
  readonly #clients = new Map<string, SimulatedHost>()
  readonly #topicIds = new Map<string, number>()
  /** Groups of topics that ever had a leader, in order of their first election. */
  readonly #groups = new Set<string>()

  constructor(nodes: 1 | 3 | 5, seed: number, listener: WorldListener) {
    this.#listener = listener
    this.cluster = new SimulatedCluster(planOf(nodes, seed), (_atMs, event, fields) =>
      this.#traced(event, fields),
    )
    this.#damages = new Damages(this.cluster, 'within')
    this.partitions = new Partitions(this.cluster.network)
    for (const name of this.cluster.nodeNames) this.partitions.add(name)
  }

  get nowMs(): number {
    return this.cluster.simulation.nowMs
  }

  /** Starts the nodes and lets time pass until the cluster can be used. */
  form(): void {
    this.cluster.start()
    const formed = () =>
      this.cluster.nodes.every(({ broker }) => broker !== undefined) &&
      this.cluster.leaderOf('metadata') !== undefined
    if (this.cluster.waitUntil(formed, formMs)) return
    throw new TestClusterError('violated', `no leader after ${formMs} ms without faults`)
  }

  note(text: string | (() => string)): void {
    this.timeline.add(this.nowMs, text)
  }

  /** Guarantees that the cluster has broken, by its disks and logs and by what its clients saw. */
  violations(): readonly string[] {
    const { cluster, history } = this
    return [...cluster.violations, ...history.violations(), ...this.#brokenPromises()]
  }

  #brokenPromises(): readonly string[] {
    const topics = this.history.promises().filter(({ sends }) => sends.length > 0)
    if (topics.length === 0) return []
    const stored = storedRecords(
      this.cluster.nodes.map(({ disk }) => disk),
      dataFolder,
    )
    const damaged = new Set(this.#damages.done.map(({ node }) => node))
    return brokenPromises(topics, stored, damaged.size)
  }

  // ── who is there ───────────────────────────────────────────────────────────────────────────

  /** A machine for a client of the test. */
  addClient(name: string): SimulatedHost {
    this.#refuseTaken(name)
    const host = this.cluster.simulation.host(name)
    this.#clients.set(name, host)
    this.partitions.add(name)
    return host
  }

  addProcess(name: string, run: ProcessFunction, options: ProcessOptions): UserProcess {
    this.#refuseTaken(name)
    const { simulation, network, addresses: servers } = this.cluster
    const added = new UserProcess(name, run, options, {
      simulation,
      network,
      servers,
      touch: this.#listener.touch,
      guard: this.#listener.guard,
      topic: (topic) => this.topicKnown(topic),
      history: this.history,
      note: (text) => this.note(text),
      failed: (error) => {
        const why = error instanceof Error ? error.message : String(error)
        const message = `process ${name} threw: ${why}`
        this.#listener.failed(new TestClusterError('process-failed', message, { cause: error }))
      },
    })
    this.processes.push(added)
    this.partitions.add(name)
    added.start()
    return added
  }

  topicKnown(summary: TopicSummary): void {
    this.#topicIds.set(summary.topic, summary.topicId)
    this.history.topicCreated(summary)
  }

  /** Who was elected last; undefined before the first election. */
  leaderOf(topic: string, partition: number): string | undefined {
    const topicId = this.#topicIds.get(topic)
    if (topicId === undefined) {
      throw invalid(`topic ${topic} was not created by a client of this cluster`)
    }
    return this.cluster.roles.leaderOf(groupKey({ topicId, partition }))
  }

  /** Leader of the n-th partition of all topics together, counted round. */
  leaderOfNumber(number: number): string | undefined {
    const groups = [...this.#groups]
    if (groups.length === 0) return undefined
    return this.cluster.roles.leaderOf(groups[number % groups.length]!)
  }

  node(name: string): SimulatedNode {
    const found = this.cluster.nodes.find((node) => node.name === name)
    if (found !== undefined) return found
    throw invalid(`${name} is no node; there are ${this.cluster.nodeNames.join(', ')}`)
  }

  /** A node or a process: what can be killed. */
  machine(name: string): SimulatedNode | UserProcess {
    const found = this.processes.find((each) => each.name === name)
    if (found !== undefined) return found
    if (this.#clients.has(name)) {
      throw invalid(`${name} is a client of the test itself: only a process can be killed`)
    }
    return this.node(this.known(name))
  }

  /** The name, if anybody has it. */
  known(name: string): string {
    const names = this.names
    if (names.includes(name)) return name
    throw invalid(`nobody is named ${JSON.stringify(name)}; there are ${names.join(', ')}`)
  }

  get names(): readonly string[] {
    return (['node', 'process', 'client'] as const).flatMap((role) => this.namesOf(role))
  }

  /** In the order in which they were added. */
  namesOf(role: 'node' | 'process' | 'client'): readonly string[] {
    if (role === 'node') return this.cluster.nodeNames
    return role === 'process' ? this.processes.map(({ name }) => name) : [...this.#clients.keys()]
  }

  // ── what is done to them ───────────────────────────────────────────────────────────────────

  crash(name: string, how: 'power' | 'kill'): void {
    const machine = this.machine(name)
    if (!machine.running) return
    this.note(how === 'power' ? `${name} loses its power` : `${name} is killed`)
    machine.crash(how)
  }

  /** Begins a new life; one that still runs is killed before. */
  restart(name: string): void {
    this.crash(name, 'kill')
    this.start(name)
  }

  start(name: string): void {
    const machine = this.machine(name)
    if (machine.running) return
    // A process says so itself.
    if (!(machine instanceof UserProcess)) this.note(`${name} starts`)
    machine.start()
  }

  pause(name: string): void {
    this.machine(name).pause()
    this.note(`${name} stands still`)
  }

  resume(name: string): void {
    this.machine(name).resume()
    this.note(`${name} runs again`)
  }

  skewClock(name: string, byMs: number): void {
    const client = this.#clients.get(name)
    if (client !== undefined) client.jumpWall(byMs)
    else this.machine(name).jumpClock(byMs)
    this.note(`the clock of ${name} jumps by ${byMs} ms`)
  }

  /** One bit of a file of the node changes. The path; undefined when no damage is small enough. */
  corrupt(name: string, kind: FileKind, purpose: string): string | undefined {
    const node = this.node(name)
    for (let attempt = 0; attempt < damageAttemptsMax; attempt += 1) {
      if (!this.#damages.strike(node, 'flip', kind, `${purpose}/${attempt}`)) continue
      const { path } = this.#damages.done.at(-1)!
      this.note(`a bit of ${path} of ${name} changes`)
      return path
    }
    return undefined
  }

  fillDisk(name: string): void {
    const { disk } = this.node(name)
    disk.capacityBytes = disk.usedBytes()
    this.note(`the disk of ${name} is full`)
  }

  freeDisk(name: string): void {
    this.node(name).disk.capacityBytes = Number.POSITIVE_INFINITY
    this.note(`the disk of ${name} has room`)
  }

  /** Runs something after that much virtual time. */
  after(ms: number, run: () => void): void {
    const { simulation } = this.cluster
    simulation.at(simulation.nowMs + ms, eventClass.fault, () => {
      this.#listener.touch()
      run()
    })
  }

  #refuseTaken(name: string): void {
    if (!/^[\w.-]{1,64}$/.test(name)) {
      throw invalid(`name ${JSON.stringify(name)}: 1 to 64 letters, digits, dots, dashes`)
    }
    if (this.names.includes(name)) throw invalid(`the name ${name} is taken`)
  }

  #traced(event: string, fields: object): void {
    if (event === 'node.exited') {
      const { node, reason } = fields as { node: string; reason: string }
      this.note(`${node} ended by itself: ${reason.split('\n')[0]}`)
    }
    if (event !== 'raft.leader-elected') return
    const { group, node } = fields as { group: string; node: string }
    if (group !== metadataKey) this.#groups.add(group)
    this.note(() => `${node} leads ${this.#nameOf(group)}`)
  }

  #nameOf(group: string): string {
    if (group === metadataKey) return 'the metadata'
    const { topicId, partition } = parseGroupKey(group)
    const topic = [...this.#topicIds].find(([, id]) => id === topicId)
    return `${topic?.[0] ?? `topic ${topicId}`}/${partition}`
  }
}

/** The laboratory builds clusters from plans: here one without workload and steps. */
function planOf(nodes: 1 | 3 | 5, seed: number): Plan {
  const replicas = nodes === 5 ? 3 : nodes
  return {
    version: 1,
    seed,
    nodes,
    settings: {
      ...usualTiming,
      ...deliveries[0]!,
      appendBytesMax: 512 * 1024,
      inflightMessagesMax: 64,
      latencyMinMs: 0,
      latencyMaxMs: 1,
      splitPerMille: 0,
      diskMinMs: 0,
      diskMaxMs: 1,
      // The largest batch a client may send fits in.
      walFileBytes: 1_152 * 1024,
      segmentBytes: 64 * 1024,
      retentionBytes: 0,
      cacheBytesMax: 1024 * 1024,
    },
    workload: {
      durationMs: 1,
      partitions: 1,
      replicas,
      producers: 0,
      everyMs: 1,
      burst: 1,
      valueBytes: 1,
      keys: 0,
      churnEveryMs: 0,
    },
    steps: [],
  }
}
