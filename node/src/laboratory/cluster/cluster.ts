// A whole cluster on one event queue: nodes with their disks, one network, and the names of the
// clients that will join. Its verbs are what a harness needs: start, wait, look. Faults are done by
// faults.ts, traffic by workload.ts.
import { Simulation } from '@quorate/actors/testing'
import type { ClusterMember } from '@quorate/protocol'
import type { MeshLimits } from '../../mesh/limits.ts'
import type { NodeEnvironment } from '../../node-environment.ts'
import { SimulatedDisk } from '../../simulation/simulated-disk.ts'
import { SimulatedNetwork } from '../../simulation/simulated-network.ts'
import { formatNode } from '../../storage/format.ts'
import { groupKey, metadataKey } from '../../storage/log-entry.ts'
import { type Plan as FormatPlan, newPlan } from '../../storage/plan.ts'
import { LogLedger } from '../checkers/log-ledger.ts'
import { SyncedQuorum } from '../checkers/synced-quorum.ts'
import type { Plan } from '../plan/plan.ts'
import { type LimitName, limitsOf, type PlanLimits } from '../plan/plan-limits.ts'
import type { GroupName } from '../plan/target-grammar.ts'
import { tracedEnvironment } from '../trace/traced-environment.ts'
import type { DamageEvent } from './beyond.ts'
import type { GroupWait } from './healing.ts'
import { Roles } from './roles.ts'
import { dataFolder, type NodeSurroundings, SimulatedNode } from './simulated-node.ts'
import { SimulatedProbes } from './simulated-probes.ts'
import type { Aim } from './targets.ts'

/** Told of everything worth a line: for people who look at one run. */
export type Trace = (atMs: number, event: string, fields: object) => void

/** Events beyond which a run counts as one that does not end. */
const eventsMax = 20_000_000
const eventsPerMomentMax = 200_000

/** Events that never happen in a correct node, whatever faults the plan holds. */
const alarming = new Set([
  'actor.failed',
  'handler.failed',
  'partition.halted',
  'metadata.halted',
  'replication.damaged-message',
])

/** How a node says that it cannot start over what is left of its folder. */
const damageCodes = new Set([
  'QUORATE_STORAGE_DAMAGED',
  'QUORATE_DATA_NOT_FORMATTED',
  'QUORATE_DATA_FOREIGN',
])

/** Events that say what a node has lost. */
const naming = new Set([
  'storage.damaged',
  'storage.repair-failed',
  'wal.batches-lost',
  'replica.amnesiac',
  'replica.tail-unknown',
])

export class SimulatedCluster implements Aim {
  readonly plan: Plan
  readonly simulation: Simulation
  readonly network: SimulatedNetwork
  readonly probes: SimulatedProbes
  readonly nodes: SimulatedNode[]
  readonly clientNames: readonly string[]
  /** Of the nodes of the beginning: what clients are told. */
  readonly addresses: readonly string[]
  readonly roles = new Roles()
  readonly copies: SyncedQuorum
  readonly ledger: LogLedger
  /** What must not happen and happened inside a node. */
  readonly alarms: string[] = []
  /** Processes that ended by themselves. */
  exits = 0
  /** How often a replica was brought up by its peers, by the event of the node's log. */
  readonly recoveries = { 'snapshot.installed': 0, 'storage.repaired': 0 }
  /** What nodes said when they stopped or refused to start over damage. */
  readonly reports: { readonly node: string; readonly text: string }[] = []
  /** What nodes named as damaged. */
  readonly damageEvents: DamageEvent[] = []
  /** Groups without leader, and who could tell whether their damaged entry was ever committed. */
  readonly waits: GroupWait[] = []
  /** Nodes that stay away for good: they need not serve, and nobody waits for them. */
  away: ReadonlySet<string> = new Set()
  /** Whether a node may end, or stop a replica, over damage; set by what does the damage. */
  mayStop: (node: string) => boolean = () => false
  /**
   * Nodes that are waited for: in the last word of a replica of each group that has no leader since,
   * and in that of each leader about a change of its members.
   */
  readonly openWaits = {
    byGroup: new Map<string, readonly string[]>(),
    ofChanges: new Map<string, readonly string[]>(),
    changed: (): void => {},
  }
  /** Called when a replica that had lost its end has all of it again, on disk. */
  tailKnown: ((node: string, group: string) => void) | undefined
  /** Id of the topic under test, and nodes of each of its partitions; set once it exists. */
  topic: { readonly id: number; readonly members: readonly (readonly string[])[] } | undefined
  readonly #trace: Trace | undefined
  readonly #formatPlan: FormatPlan

  constructor(plan: Plan, trace?: Trace) {
    this.plan = plan
    this.#trace = trace
    this.simulation = new Simulation(plan.seed, {
      maxEvents: eventsMax,
      maxEventsPerMoment: eventsPerMomentMax,
    })
    const { settings, workload } = plan
    this.copies = new SyncedQuorum(workload.replicas)
    this.ledger = new LogLedger(dataFolder, workload.replicas)
    const { random } = this.simulation
    this.probes = new SimulatedProbes(plan, random)
    this.network = new SimulatedNetwork(this.simulation, random, {
      latencyMinMs: settings.latencyMinMs,
      latencyMaxMs: settings.latencyMaxMs,
      breakAfterMs: 5_000,
      connectTimeoutMs: 3_000,
    })
    this.clientNames = Array.from({ length: workload.producers }, (_, number) => `c${number + 1}`)
    this.nodes = Array.from({ length: plan.nodes }, (_, number) => this.#createNode(number))
    this.addresses = this.nodes.map(({ address }) => address)
    const places = this.nodes.map(({ name, address }) => ({ id: name, address }))
    this.#formatPlan = newPlan(places, (digits) => this.drawHex(digits))
    for (const { name, disk } of this.nodes) {
      formatNode(disk.process(), this.#formatPlan, name, dataFolder)
    }
    this.splitBytes()
  }

  get nodeNames(): readonly string[] {
    return this.nodes.map(({ name }) => name)
  }

  /** One more machine with an empty disk; it does not run before it is formatted. */
  spareNode(): SimulatedNode {
    const node = this.#createNode(this.nodes.length)
    this.nodes.push(node)
    this.splitBytes()
    return node
  }

  /** Formats an empty disk for a node that the cluster has taken, with its members as they are now. */
  format({ name, disk }: SimulatedNode, members: readonly ClusterMember[]): void {
    const joined = members.filter(({ sinceIndex }) => sinceIndex > 0)
    formatNode(disk.process(), { ...this.#formatPlan, joined }, name, dataFolder)
  }

  drawHex(digits: number): string {
    const { random } = this.simulation
    return Array.from({ length: digits }, () => random.integer('format', 16).toString(16)).join('')
  }

  node(name: string): SimulatedNode {
    return this.nodes[this.nodeNames.indexOf(name)]!
  }

  /** Sets how arrivals are cut into pieces; healing a path forgets it. */
  splitBytes(): void {
    const { splitPerMille } = this.plan.settings
    if (splitPerMille === 0) return
    const names = [...this.nodeNames, ...this.clientNames]
    names.forEach((name, position) => {
      for (const other of names.slice(position + 1)) this.network.split(name, other, splitPerMille)
    })
  }

  start(): void {
    for (const node of this.nodes) node.start()
  }

  /** Runs until the condition holds, or an alarm, or the time is over; true when it holds. */
  waitUntil(condition: () => boolean, forMs: number): boolean {
    const { simulation } = this
    simulation.runUntilTrue(() => this.violated || condition(), simulation.nowMs + forMs)
    return condition()
  }

  /** What was seen to be wrong while the cluster ran. */
  get violations(): readonly string[] {
    const { copies, ledger, roles, alarms } = this
    return [copies.violations, ledger.violations, roles.violations, alarms].flat()
  }

  get violated(): boolean {
    const { alarms, roles, copies, ledger } = this
    // After each event: no list is made for it.
    const seen = roles.violations.length + copies.violations.length + ledger.violations.length
    return seen + alarms.length > 0
  }

  /** Somebody reads along. */
  get traced(): boolean {
    return this.#trace !== undefined
  }

  trace(event: string, fields: object): void {
    this.#trace?.(this.simulation.nowMs, event, fields)
  }

  // ── Aim ────────────────────────────────────────────────────────────────────────────────────

  keyOf(group: GroupName): string | undefined {
    if (group === 'metadata') return metadataKey
    if (this.topic === undefined) return undefined
    const partition = group % this.topic.members.length
    return groupKey({ topicId: this.topic.id, partition })
  }

  leaderOf(group: GroupName): string | undefined {
    const key = this.keyOf(group)
    return key === undefined ? undefined : this.roles.leaderOf(key)
  }

  membersOf(group: GroupName): readonly string[] {
    if (group === 'metadata') return this.nodeNames
    const members = this.topic?.members ?? []
    return members[group % members.length] ?? []
  }

  // ── nodes ──────────────────────────────────────────────────────────────────────────────────

  #createNode(number: number): SimulatedNode {
    const { diskMinMs: latencyMinMs, diskMaxMs: latencyMaxMs } = this.plan.settings
    const { simulation: scheduler } = this
    const { random } = scheduler
    const name = `n${number + 1}`
    const disk = new SimulatedDisk({ name, scheduler, random, latencyMinMs, latencyMaxMs })
    this.copies.watch(disk)
    this.ledger.watch(disk)
    return new SimulatedNode(name, `10.0.0.${number + 1}:4222`, disk, this.#surroundings())
  }

  /** What a node is started with; seen through when somebody reads along. */
  #environment(node: string, environment: NodeEnvironment): NodeEnvironment {
    if (!this.traced) return environment
    const tell = (event: string, fields: object): void => this.trace(event, fields)
    return tracedEnvironment(node, environment, tell, () => this.simulation.nowMs)
  }

  #surroundings(): NodeSurroundings {
    const { settings } = this.plan
    const { heartbeatMs, electionTimeoutMinMs, electionTimeoutMaxMs } = settings
    const { appendBytesMax, inflightMessagesMax, walFileBytes, cacheBytesMax } = settings
    const pace = { heartbeatMs, electionTimeoutMinMs, electionTimeoutMaxMs }
    const sizes = limitsOf(settings, 'inflightBytesMax', 'snapshotChunkBytes')
    return {
      simulation: this.simulation,
      network: this.network,
      probes: this.probes,
      timing: { ...pace, appendBytesMax, inflightMessagesMax, ...sizes },
      opened: (disk) => {
        this.copies.opened(disk, `${dataFolder}/wal`)
        this.ledger.opened(disk)
      },
      storage: { walFileBytes, cacheBytesMax, ...limitsOf(settings, ...storageLimits) },
      mesh: meshLimits(settings),
      logged: (node, level, event, fields) => this.#logged(node, level, event, fields),
      environment: (node, environment) => this.#environment(node, environment),
      exited: (node, reason, code) => this.#exited(node, reason, code),
    }
  }

  #logged(node: string, level: string, event: string, fields: object): void {
    this.trace(event, { node, ...fields })
    this.simulation.note(`${node} ${event} ${hashedTextOf(fields)}`)
    if (event === 'raft.leader-elected') {
      const { group, term } = fields as { group: string; term: number }
      this.openWaits.byGroup.delete(group)
      this.openWaits.ofChanges.delete(group)
      this.ledger.elected(node, group, term)
      this.roles.observe({ group, term, node, atMs: this.simulation.nowMs })
    }
    if (Object.hasOwn(this.recoveries, event)) {
      this.recoveries[event as keyof typeof this.recoveries] += 1
    }
    if (event === 'replica.tail-known') this.tailKnown?.(node, (fields as { group: string }).group)
    if (event === 'storage.damaged') this.damageEvents.push(fields)
    if (event === 'replica.waits-for') {
      const wait = fields as Omit<GroupWait, 'atMs'>
      this.waits.push({ atMs: this.simulation.nowMs, ...wait })
      this.openWaits.byGroup.set(wait.group, wait.nodes)
      this.openWaits.changed()
    }
    if (event === 'membership.waiting') {
      const wait = fields as Omit<GroupWait, 'atMs'>
      this.openWaits.ofChanges.set(wait.group, wait.nodes)
      this.openWaits.changed()
    }
    if (naming.has(event)) this.reports.push({ node, text: `${event} ${textOf(fields)}` })
    if (!alarming.has(event)) return
    const text = `${node}: ${level} ${event} ${textOf(fields)}`
    // A replica whose files are damaged may stop; it says why.
    if (event.endsWith('.halted') && this.mayStop(node)) this.reports.push({ node, text })
    else this.alarms.push(text)
  }

  #exited(node: string, reason: string, code: string | undefined): void {
    this.exits += 1
    this.simulation.note(`exit ${node}`)
    this.trace('node.exited', { node, code, reason })
    const isDamage = damageCodes.has(code ?? '') || reason.includes('stored data are damaged')
    if (isDamage || this.mayStop(node)) this.reports.push({ node, text: reason })
    // A node may refuse to start on a full disk, and ends when an operation of its disk fails.
    if (code === 'QUORATE_DISK_FULL' || reason.includes('injected into')) return
    if (this.mayStop(node)) return
    this.alarms.push(`${node} ended by itself: ${reason}`)
  }
}

const storageLimits = [
  'openFilesMax',
  'backgroundIoMax',
  'walBatchBytesMax',
  'pendingBytesMax',
] as const satisfies readonly LimitName[]

function meshLimits({ linkMessagesMax, linkBytesMax }: PlanLimits): Partial<MeshLimits> {
  return {
    ...(linkMessagesMax === undefined ? {} : { linkMailboxMessages: linkMessagesMax }),
    ...(linkBytesMax === undefined
      ? {}
      : { controlQueueBytesMax: linkBytesMax, bulkQueueBytesMax: linkBytesMax }),
  }
}

/** Without call stacks, which name the folder the code runs from. */
function hashedTextOf(fields: object): string {
  return JSON.stringify(fields, (_key, value: unknown) =>
    value instanceof Error ? value.message : value,
  )
}

function textOf(fields: object): string {
  return JSON.stringify(fields, (_key, value: unknown) =>
    value instanceof Error ? value.stack : value,
  )
}
