// One run of chaos on real processes: starts a cluster behind proxies, loads it, carries out a plan,
// heals everything, waits until the cluster is whole, reads all back, and judges what clients saw, the
// replicas and the files. Decides nothing itself: faults are process-faults.ts, load and history
// chaos-load.ts, the judge of histories ../history/check-history.ts, the report chaos-report.ts.
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { keyedRandom } from '@quorate/actors'
import type { Client } from '@quorate/client'
import { checkHistory } from '../history/check-history.ts'
import type { HistoryRecorder } from '../history/recorder.ts'
import type { Plan } from '../plan/plan.ts'
import { ChaosLoad } from './chaos-load.ts'
import { type ChaosProgress, type ChaosReport, chaosReport } from './chaos-report.ts'
import { ClusterView } from './cluster-view.ts'
import { complete, mustBeComplete } from './complete.ts'
import { stillDamaged } from './damaged-files.ts'
import { DiskFaults } from './disk-faults.ts'
import { type DamageableCluster, FileFaults } from './file-faults.ts'
import { LinkFaults } from './link-faults.ts'
import { temporaryFolder } from './local-cluster.ts'
import { NodeKeeper } from './node-keeper.ts'
import { PlannedCluster } from './planned-cluster.ts'
import { ProcessFaults, type Struck } from './process-faults.ts'
import { differences } from './replicas.ts'
import { SmallDisk } from './small-disks.ts'

export interface ChaosRunOptions {
  readonly plan: Plan
  /** Records a second. */
  readonly rate: number
  /** Whether each node gets a small disk of its own, which can be full. */
  readonly disks: boolean
  /** The folder with data and logs stays. */
  readonly keep: boolean
  /** Ends the faults; then everything is healed and judged as it is. */
  readonly signal: AbortSignal
  readonly told: (struck: Struck) => void
}

export interface ChaosOutcome {
  readonly report: ChaosReport
  readonly history: HistoryRecorder
  /** Where data and logs are, when they were kept. */
  readonly folder: string | undefined
}

const topic = 'chaos'
const mebibyte = 1024 * 1024
const diskReserveBytes = 32 * mebibyte
/** What a node needs beside its records: files of its WAL, and room above the reserve. */
const diskBaseBytes = 640 * mebibyte
/** A record on disk in WAL and segment, beside its value. */
const recordOverheadBytes = 400
/** Damage that a start does not see is found in the next check. */
const checkedSoon = ['--scrub-cycle-ms', '3000', '--scrub-bytes-per-second', String(64 * mebibyte)]
const serveTimeoutMs = 60_000
const repairTimeoutMs = 60_000

export class ChaosRun {
  readonly #options: ChaosRunOptions
  readonly #folder = temporaryFolder('chaos')
  readonly #disks = new Map<string, SmallDisk>()
  readonly #problems: string[] = []
  #cluster: PlannedCluster | undefined
  #load: ChaosLoad | undefined
  #faults: ProcessFaults | undefined
  #keeper: NodeKeeper | undefined
  #phase: ChaosProgress['phase'] = 'starting'
  #loadedMs = 0

  /** When this process ends in the middle; its nodes and mounts go by themselves. */
  readonly #removeFolder = () => rmSync(this.#folder, { recursive: true, force: true })

  constructor(options: ChaosRunOptions) {
    this.#options = options
    if (!options.keep) process.once('exit', this.#removeFolder)
  }

  /** Resolves when everything it started has ended. Rejects when no cluster could be started. */
  async run(): Promise<ChaosOutcome> {
    const startedMs = performance.now()
    try {
      const cluster = await this.#start()
      const client = await cluster.connect()
      const parts = await this.#carryOut(cluster, client)
      await this.#judge(cluster, client, parts)
      this.#phase = 'stopping'
      await cluster.stopNodes()
      for (const { id, data } of cluster.nodes) {
        const found = await stillDamaged(data)
        this.#problems.push(...found.map((line) => `damaged on the disk of ${id}: ${line}`))
      }
      return this.#outcome(parts, performance.now() - startedMs)
    } finally {
      await this.#clean()
    }
  }

  get progress(): ChaosProgress {
    const { acked = 0, unknown = 0 } = this.#load?.producers ?? {}
    const nodes = this.#cluster?.nodes ?? []
    return {
      phase: this.#phase,
      elapsedMs: this.#loadedMs === 0 ? 0 : performance.now() - this.#loadedMs,
      acked,
      unknown,
      faults: this.#faults?.struck.length ?? 0,
      active: this.#faults?.active ?? 0,
      nodesUp: nodes.filter(({ running }) => running).length,
      nodes: nodes.length,
      violations: (this.#load?.log.contradictions ?? 0) + this.#problems.length,
    }
  }

  async #start(): Promise<PlannedCluster> {
    const { plan, rate, disks } = this.#options
    const records = (rate * plan.workload.durationMs) / 1000
    const recordsBytes = records * (plan.workload.valueBytes + recordOverheadBytes)
    const sizeBytes = Math.ceil(diskBaseBytes + recordsBytes)
    for (let number = 1; disks && number <= plan.nodes; number += 1) {
      const disk = new SmallDisk(join(this.#folder, 'disks', `n${number}`), sizeBytes)
      this.#disks.set(`n${number}`, disk)
    }
    const cluster = await PlannedCluster.format({
      nodes: plan.nodes,
      proxies: true,
      folder: this.#folder,
      dataOf: (id) => join(this.#disks.get(id)?.folder ?? this.#folder, id),
      arguments: [...checkedSoon, '--disk-reserve-bytes', String(diskReserveBytes)],
    })
    this.#cluster = cluster
    for (const node of cluster.nodes) node.start()
    for (const node of cluster.nodes) await cluster.ready(node)
    return cluster
  }

  /** Load and faults, until time is over and the last fault is undone. */
  async #carryOut(cluster: PlannedCluster, client: Client): Promise<Parts> {
    const { plan, rate, signal, told } = this.#options
    const random = keyedRandom(`chaos/${plan.seed}`)
    const { partitions, replicas, producers, valueBytes } = plan.workload
    const shape = { topic, partitions, replicas, rate, producers, valueBytes, seed: plan.seed }
    const load = await ChaosLoad.create(cluster, shape)
    this.#load = load
    const disks = new DiskFaults(this.#disks, random)
    const keeper = new NodeKeeper(cluster, disks)
    this.#keeper = keeper
    const view = new ClusterView(cluster, client, topic)
    const damageable: DamageableCluster = {
      node: (id) => cluster.node(id),
      mustBeWhole: () => mustBeComplete(cluster, client, [topic]),
      damageCount: async (id) => {
        const { nodes } = await client.admin.clusterStatus()
        const found = nodes.find(({ node }) => node === id)
        return found?.up === true ? found.damageCount : undefined
      },
    }
    const files = new FileFaults(damageable, keeper, random)
    const links = new LinkFaults(cluster, random)
    const faults = new ProcessFaults({ view, keeper, links, files, disks, told })
    this.#faults = faults
    await view.start()
    keeper.start()
    load.start()
    this.#loadedMs = performance.now()
    this.#phase = 'faults'
    faults.schedule(plan.steps)
    await timeOrSignal(plan.workload.durationMs, signal)
    this.#phase = 'healing'
    await faults.heal()
    await view.stop()
    return { load, keeper, files, faults }
  }

  async #judge(
    cluster: PlannedCluster,
    client: Client,
    { load, keeper, files }: Parts,
  ): Promise<void> {
    const problem = (error: unknown): void => void this.#problems.push(String(error))
    await complete(cluster, client, [topic]).catch(problem)
    // The load goes on until it is finished: a whole cluster takes it, in every partition.
    const wholeMs = performance.now()
    const served = () => load.producers.servedSince(wholeMs)
    await cluster
      .waitUntil('all partitions take writes', served, { timeoutMs: serveTimeoutMs })
      .catch(problem)
    this.#phase = 'reading'
    await load.finish().catch(problem)
    const repaired = () => files.isRepaired()
    await cluster
      .waitUntil('all damage is repaired', repaired, { timeoutMs: repairTimeoutMs })
      .catch(problem)
    const equal = async () => {
      const found = differences(
        await cluster.describe(client, topic),
        this.#options.plan.workload.replicas,
      )
      if (found.length > 0) throw new Error(found.join('\n'))
      return true
    }
    await cluster.waitUntil('all replicas are equal', equal).catch(problem)
    keeper.stop()
  }

  #outcome({ load, keeper, files, faults }: Parts, wallMs: number): ChaosOutcome {
    const { plan, rate, keep } = this.#options
    const report = chaosReport({
      plan,
      rate,
      wallMs,
      load,
      ownEnds: keeper.ownEnds,
      damaged: files.ranges,
      struck: faults.struck,
      skipped: faults.skipped,
      problems: this.#problems,
      anomalies: checkHistory(load.history),
    })
    return { report, history: load.history, folder: keep ? this.#folder : undefined }
  }

  /** Whatever happened before. */
  async #clean(): Promise<void> {
    this.#keeper?.stop()
    await this.#cluster?.stopNodes()
    for (const [id, disk] of this.#disks) {
      if (this.#options.keep)
        cpSync(disk.folder, join(this.#folder, `data-${id}`), { recursive: true })
      disk.remove()
    }
    process.off('exit', this.#removeFolder)
    if (!this.#options.keep) this.#removeFolder()
  }
}

interface Parts {
  readonly load: ChaosLoad
  readonly keeper: NodeKeeper
  readonly files: FileFaults
  readonly faults: ProcessFaults
}

function timeOrSignal(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    const end = () => {
      clearTimeout(timer)
      resolve()
    }
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
}
