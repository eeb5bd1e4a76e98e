// Runs one plan from formatting to the last check and says what was violated: the cluster forms, a
// topic is made, producers send under faults, everything is healed, every send must settle and every
// partition take writes again, and then all is read back and compared. Bounded in simulated time and
// in events. The same plan gives the same result and the same hash.
import type { ClusterStatus } from '@quorate/protocol'
import { metadataKey } from '../../storage/log-entry.ts'
import { checkEqualReplicas } from '../checkers/equal-replicas.ts'
import { checkSurvivingCopies } from '../checkers/surviving-copies.ts'
import { isFatal } from '../history/anomaly.ts'
import { checkHistory } from '../history/check-history.ts'
import type { Plan } from '../plan/plan.ts'
import { checkLostEntries, isNamed, isRetained } from './beyond.ts'
import { SimulatedCluster, type Trace } from './cluster.ts'
import { Damages } from './damage.ts'
import { Faults } from './faults.ts'
import { type Bridge, bridgeOf, groupsWaiting, healthProblems, staysAway } from './healing.ts'
import { isChange, Membership } from './membership.ts'
import { Operator } from './operator.ts'
import type { RunResult } from './run-result.ts'
import { dataFolder } from './simulated-node.ts'
import { TopicChurn } from './topic-churn.ts'
import { noteStarts, TopicUnderTest } from './topic-under-test.ts'
import { topicName, Workload } from './workload.ts'

/** Bounds of the phases without faults: a cluster that takes longer is not alive. */
const formMs = 60_000
const settleMs = 30_000
const serveMs = 60_000
const readMs = 120_000
const equalMs = 60_000
const healthyMs = 120_000
/** How long a reader waits for what nobody may give it. */
const lostMs = 10_000
const askAgainMs = 500
const askOptions = { deadlineMs: 5_000, repeatable: true }
/** A leader looks at retention every 5 s; a second look follows what the first has closed. */
const retentionMs = 11_000

/** More than these say nothing new. */
const violationsMax = 10

export function runPlan(plan: Plan, trace?: Trace): RunResult {
  return new Run(plan, trace).run()
}

/** What it means when the phase does not end well, and the phase. */
type Phase = readonly [name: string, phase: () => boolean]

class Run {
  readonly #plan: Plan
  readonly #cluster: SimulatedCluster
  readonly #damages: Damages
  readonly #faults: Faults
  readonly #workload: Workload
  readonly #churn: TopicChurn
  readonly #membership: Membership
  readonly #operator: Operator
  readonly #topic: TopicUnderTest
  readonly #violations: string[] = []
  #differences: readonly string[] = []
  /** Partitions that took no write after healing: damage beyond the bound may do that. */
  readonly #stopped = new Set<number>()
  #healedAtMs = 0
  /** Partitions with an entry that no disk holds any more. */
  readonly #lost = new Set<number>()

  constructor(plan: Plan, trace: Trace | undefined) {
    this.#plan = plan
    this.#cluster = new SimulatedCluster(plan, trace)
    this.#damages = new Damages(this.#cluster, plan.damage ?? 'within')
    this.#workload = new Workload(this.#cluster)
    this.#topic = new TopicUnderTest(this.#cluster, this.#workload.reader)
    this.#membership = new Membership(this.#cluster, this.#damages, this.#workload.reader)
    this.#operator = new Operator(this.#cluster, this.#damages.atlas, this.#membership)
    this.#faults = new Faults(this.#cluster, this.#damages, this.#membership, this.#workload)
    this.#churn = new TopicChurn(this.#cluster, this.#workload)
    this.#cluster.roles.elected = ({ group }) => this.#faults.elected(group)
    this.#workload.acked = (send) => {
      this.#cluster.copies.acked(send)
      this.#cluster.ledger.acked(send)
    }
  }

  run(): RunResult {
    try {
      this.#runPhases()
    } catch (error) {
      this.#violations.push(`exception: ${error instanceof Error ? error.stack : String(error)}`)
    }
    return this.#result()
  }

  #runPhases(): void {
    const first: readonly Phase[] = [
      ['the cluster does not form', () => this.#form()],
      ['faults', () => this.#underFaults()],
      ['sends do not settle after healing', () => this.#settle()],
    ]
    if (!this.#pass(first)) return
    if (this.#damages.beyond.length > 0) this.#passBeyond()
    else this.#passWithin()
    this.#violations.push(...this.#cluster.violations)
  }

  #passWithin(): void {
    const phases: readonly Phase[] = [
      ['partitions take no writes after healing', () => this.#serve() || this.#serveWithAll()],
      ['the cluster does not become healthy after healing', () => this.#becomeHealthy()],
      ['replicas do not become equal after healing', () => this.#becomeEqual()],
      // Only then does it wait for nobody; and what it retires is gone before all is read.
      ['', () => this.#letRetentionEnd()],
      ['replicas do not become equal after retention', () => this.#becomeEqual()],
      ['not everything can be read back after healing', () => this.#readBack()],
      ['topics cannot be listed after healing', () => this.#lookAtTopics()],
    ]
    if (!this.#pass(phases)) return
    this.#checkHistory()
    this.#checkDisks()
  }

  /** More is damaged than a cluster survives: what still serves serves all, the rest says what it lacks. */
  #passBeyond(): void {
    const phases: readonly Phase[] = [
      ['', () => this.#serve() || true],
      ['damage that stops partitions is not named', () => this.#checkReports()],
      // What retention removes while somebody asks for it would seem to be jumped over.
      ['', () => this.#letRetentionEnd()],
      ['', () => this.#findStarts() || true],
      ['', () => this.#checkLost()],
      // Retention went on meanwhile: the last read begins where the partitions begin then.
      ['', () => this.#letRetentionEnd()],
      ['', () => this.#findStarts() || true],
      ['not everything that is served can be read', () => this.#readBack()],
    ]
    if (this.#pass(phases)) this.#checkHistory()
  }

  /** Stops at the first phase that fails or shows a violation; false then. */
  #pass(phases: readonly Phase[]): boolean {
    for (const [name, phase] of phases) {
      this.#cluster.trace('phase', { name })
      const done = phase()
      this.#violations.push(...this.#cluster.violations)
      if (!done && this.#violations.length === 0) this.#violations.push(name)
      if (this.#violations.length > 0) return false
    }
    return true
  }

  #form(): boolean {
    const { partitions } = this.#plan.workload
    this.#cluster.start()
    this.#workload.connect()
    const { clients, reader } = this.#workload
    // Conditions are looked at after each event: they make no lists.
    const everybody = [...clients, reader]
    const connected = () => everybody.every((client) => client.connected)
    if (!this.#cluster.waitUntil(connected, formMs)) return false
    this.#topic.create()
    const all = Array.from({ length: partitions }, (_, partition) => partition)
    const led = () =>
      this.#cluster.topic !== undefined &&
      all.every((partition) => this.#cluster.leaderOf(partition) !== undefined)
    return this.#cluster.waitUntil(led, formMs)
  }

  #underFaults(): boolean {
    const { durationMs } = this.#plan.workload
    this.#faults.schedule(this.#plan.steps)
    this.#workload.start()
    this.#churn.start()
    if (this.#plan.steps.some(({ fault }) => isChange(fault))) this.#topic.follow()
    this.#cluster.waitUntil(() => false, durationMs)
    this.#workload.stopSending()
    this.#churn.stop()
    return true
  }

  #settle(): boolean {
    const away = this.#chooseAway()
    this.#cluster.away = away
    this.#healedAtMs = this.#cluster.simulation.nowMs
    this.#faults.healAll(away, this.#chooseBridge(away))
    if (this.#damages.beyond.length === 0) this.#operator.begin()
    const lasting = this.#faults.lasting(away)
    this.#violations.push(...lasting.map((what) => `after healing ${what}`))
    this.#cluster.probes.stop()
    const { deliveryTimeoutMs } = this.#plan.settings
    const settled = () =>
      this.#workload.unsettled === 0 && this.#churn.idle && this.#membership.idle
    const withinMs = deliveryTimeoutMs + settleMs
    if (this.#cluster.waitUntil(settled, withinMs)) return true
    return this.#waiting().has(metadataKey) && this.#callBack(settled, withinMs)
  }

  /** Groups that wait, and say so, for nodes that stay away and could come back. */
  #waiting(): ReadonlySet<string> {
    const { away, waits } = this.#cluster
    const { out } = this.#damages.atlas
    const returnable = new Set([...away].filter((node) => !out.has(node)))
    return groupsWaiting(waits, this.#healedAtMs, returnable)
  }

  /** Everybody who can comes back: then nothing has to wait any more. */
  #callBack(done: () => boolean, withinMs: number): boolean {
    const { simulation, away } = this.#cluster
    const { out } = this.#damages.atlas
    simulation.note('called back')
    this.#cluster.trace('called-back', { nodes: [...away], waiting: [...this.#waiting()] })
    this.#cluster.away = new Set([...away].filter((node) => out.has(node)))
    this.#faults.healAll(this.#cluster.away)
    return this.#cluster.waitUntil(done, withinMs)
  }

  /** Partitions that wait for somebody who is away serve when all are back; no others may stop. */
  #serveWithAll(): boolean {
    const waiting = this.#waiting()
    const isExcused = (partition: number) => waiting.has(this.#cluster.keyOf(partition) ?? '')
    const all = waiting.has(metadataKey) || [...this.#stopped].every(isExcused)
    return waiting.size > 0 && all && this.#callBack(() => true, 0) && this.#serve()
  }

  #chooseAway(): ReadonlySet<string> {
    const { nodeNames: nodes, simulation } = this.#cluster
    const { heal = 'all' } = this.#plan
    const { atlas, beyond } = this.#damages
    // Too much is damaged: everybody comes back, to say so.
    if (beyond.length > 0) return new Set()
    if (heal !== 'all') this.#damages.look()
    const returns = (node: string) => this.#membership.waits(node)
    const leader = this.#cluster.leaderOf(0)
    const { random } = simulation
    const away = staysAway({ nodes, heal, atlas, returns, random, leader })
    simulation.note(`away ${[...away].join()}`)
    this.#cluster.trace('away', { nodes: [...away] })
    return away
  }

  /** Only where every group is on all five nodes: elsewhere the two may be a majority. */
  #chooseBridge(away: ReadonlySet<string>): Bridge | undefined {
    const { heal, workload } = this.#plan
    if (heal !== 'bridge' || workload.replicas !== 5) return undefined
    const { nodeNames: nodes } = this.#cluster
    const { atlas } = this.#damages
    const leader = this.#cluster.leaderOf(0)
    const bridge = bridgeOf({ nodes, leader }, away, (node) => !atlas.out.has(node))
    if (bridge === undefined) return undefined
    this.#cluster.simulation.note(`bridge ${bridge.node} ${bridge.peer}`)
    this.#cluster.trace('bridge', bridge)
    return bridge
  }

  /** Every partition takes one more record. A first try may still run into a time-out. */
  #serve(): boolean {
    const untilMs = this.#cluster.simulation.nowMs + serveMs
    while (this.#cluster.simulation.nowMs < untilMs && !this.#cluster.violated) {
      const from = this.#workload.sends.length
      this.#workload.sendLast()
      const { deliveryTimeoutMs } = this.#plan.settings
      this.#cluster.waitUntil(() => this.#workload.unsettled === 0, deliveryTimeoutMs + settleMs)
      const last = this.#workload.sends.slice(from)
      this.#stopped.clear()
      for (const [partition, { outcome }] of last.entries()) {
        if (outcome !== 'acked') this.#stopped.add(partition)
      }
      if (this.#stopped.size === 0) return true
    }
    return false
  }

  /** What no disk holds any more is named and given to nobody, nor is anything behind it. */
  #checkLost(): boolean {
    const { starts } = this.#workload
    const { done } = this.#damages
    const lost = this.#damages.lost.filter((entry) => isRetained(entry, starts))
    const attempts = lost.map((entry) => ({
      entry,
      readings: [entry.baseOffset, starts.get(entry.partition) ?? 0].map((offset) =>
        this.#workload.readFrom(entry.partition, offset),
      ),
    }))
    // Other damage may have taken every copy too: where that is named, not all can be read.
    const bare = this.#damages.bare()
    for (const each of new Set(bare.map(({ partition }) => partition))) {
      this.#workload.readFrom(each, starts.get(each) ?? 0)
    }
    if (lost.length + bare.length > 0) this.#cluster.waitUntil(() => false, lostMs)
    const only = done.every(({ kind }) => kind === 'spoil-all' || kind === 'spoil-majority')
    const { damageEvents: events } = this.#cluster
    const hurt = new Set([...this.#damages.lost, ...bare].map(({ partition }) => partition))
    const stopped = this.#stopped
    this.#violations.push(...checkLostEntries({ attempts, stopped, hurt, only, events }))
    for (const { partition } of lost) this.#lost.add(partition)
    for (const each of bare) if (isNamed(each, events)) this.#lost.add(each.partition)
    return true
  }

  /** A partition that does not serve is explained: some node named a file of its own as damaged. */
  #checkReports(): boolean {
    const { reports } = this.#cluster
    return this.#stopped.size === 0 || reports.some(({ text }) => text.includes(`${dataFolder}`))
  }

  /** Everything that was asked for is done, every node is up and no replica is missing or behind. */
  #becomeHealthy(): boolean {
    const { reader } = this.#workload
    const nodes = this.#cluster.nodes.map(({ name }) => name)
    let problems: readonly string[] = ['no status']
    const ask = (): void => {
      reader.call<ClusterStatus>('status', undefined, undefined, askOptions, (status) => {
        // Who is away may change meanwhile: a person replaces nodes.
        const health = { nodes, away: this.#cluster.away, membership: this.#membership }
        if (status !== undefined) problems = healthProblems(status, health)
        if (problems.length > 0) reader.host.setTimer(ask, askAgainMs)
      })
    }
    ask()
    if (!this.#cluster.waitUntil(() => problems.length === 0, healthyMs)) {
      this.#violations.push(...problems)
      return false
    }
    const { leaving } = this.#membership
    for (const name of leaving) this.#cluster.node(name).leave()
    this.#cluster.away = new Set([...this.#cluster.away, ...leaving])
    return true
  }

  /** The replicas of each partition hold the same. */
  #becomeEqual(): boolean {
    const { starts, reader } = this.#workload
    let equal = false
    const compare = (): void => {
      this.#topic.ask((description) => {
        const { away } = this.#cluster
        const differences = description === undefined ? [''] : checkEqualReplicas(description, away)
        equal = differences.length === 0
        if (description === undefined || !equal) reader.host.setTimer(compare, askAgainMs)
        else noteStarts(description, starts)
        this.#differences = differences
      })
    }
    compare()
    if (this.#cluster.waitUntil(() => equal, equalMs)) return true
    this.#violations.push(...this.#differences)
    return false
  }

  #letRetentionEnd(): boolean {
    const { retention } = this.#workload.history.header
    if (retention) this.#cluster.waitUntil(() => false, retentionMs)
    return true
  }

  /** Where the partitions begin that are left, for a run that never gets equal replicas. */
  #findStarts(): boolean {
    const { history, starts } = this.#workload
    let found = !history.header.retention
    if (!found) {
      this.#topic.ask((description) => {
        found = description !== undefined
        if (description !== undefined) noteStarts(description, starts)
      })
    }
    return this.#cluster.waitUntil(() => found, settleMs)
  }

  #lookAtTopics(): boolean {
    let listed = false
    const look = (): void =>
      this.#churn.lookAtAll((done) => {
        listed = done
        if (!done) this.#workload.reader.host.setTimer(look, askAgainMs)
      })
    look()
    return this.#cluster.waitUntil(() => listed, settleMs)
  }

  #readBack(): boolean {
    this.#workload.stopReading()
    const all = Array.from({ length: this.#plan.workload.partitions }, (_, number) => number)
    const served = all.filter((each) => !this.#stopped.has(each) && !this.#lost.has(each))
    if (served.length === 0) return true
    let ended = false
    let failure: string | undefined
    const read = (): void =>
      this.#workload.readBack(served, (why) => {
        failure = why
        // A reader may be the first to find damage that most replicas share; then they repair it.
        if (why === undefined || this.#damages.beyond.length === 0) ended = true
        else this.#workload.reader.host.setTimer(read, askAgainMs)
      })
    read()
    const done = this.#cluster.waitUntil(() => ended, readMs)
    if (failure !== undefined) this.#violations.push(`reading back failed: ${failure}`)
    return done
  }

  #checkHistory(): void {
    const { history } = this.#workload
    const unread = new Set([...this.#stopped, ...this.#lost])
    if (unread.size > 0) {
      const partitions = [...unread].map((partition) => ({ topic: topicName, partition }))
      const why = 'damage beyond what a cluster survives'
      history.invoke('excuse', 'plan', this.#cluster.simulation.nowMs, { partitions, why })
    }
    const fatal = checkHistory(history).filter(isFatal)
    this.#violations.push(...fatal.map(({ name, text }) => `${name}: ${text}`))
  }

  #checkDisks(): void {
    const { nodes, topic, plan, away } = this.#cluster
    const { sends, starts } = this.#workload
    const survived = checkSurvivingCopies({
      acked: sends.filter(({ outcome }) => outcome === 'acked'),
      starts,
      disks: nodes.filter(({ name }) => !away.has(name)).map(({ disk }) => disk),
      damaged: new Set(this.#damages.done.map(({ node }) => node)),
      folder: dataFolder,
      topicId: topic!.id,
      replicas: plan.workload.replicas,
    })
    this.#violations.push(...survived)
  }

  #result(): RunResult {
    const { history, sends, starts } = this.#workload
    const { simulation, network, nodes, roles, copies, exits, probes } = this.#cluster
    const disks = nodes.map(({ disk }) => disk.counters)
    const count = (outcome: string) => sends.filter((send) => send.outcome === outcome).length
    const violations = [...new Set(this.#violations)]
    return {
      violations: violations.slice(0, violationsMax),
      hash: simulation.hash,
      simulatedMs: simulation.nowMs,
      events: simulation.events,
      acked: count('acked'),
      unknown: count('unknown'),
      notApplied: count('not-applied'),
      elections: roles.elections,
      applied: this.#faults.applied,
      network: network.counters,
      disks: {
        stalled: disks.reduce((sum, { stalled }) => sum + stalled, 0),
        full: disks.reduce((sum, { full }) => sum + full, 0),
      },
      damages: this.#damages.counts(),
      beyond: this.#damages.beyond.length,
      away: this.#cluster.away.size,
      stopped: this.#stopped.size,
      lost: this.#damages.lost.length,
      changes: this.#membership.agreed,
      recoveries: this.#cluster.recoveries,
      copiesChecked: copies.checked,
      exits,
      coverage: probes.coverage,
      churned: this.#churn.done,
      retired: [...starts.values()].reduce((sum, start) => sum + start, 0),
      history,
    }
  }
}
