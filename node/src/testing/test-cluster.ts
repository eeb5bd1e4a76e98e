// A whole cluster in the process of a test, with the user's own programs beside it, on
// simulated time, network and disks. This file gives world.ts its promises: each verb happens at once
// in virtual time, and time passes only while the test waits (test-waits.ts).
import type { Host, Random } from '@quorate/actors'
import type { Client, Duration } from '@quorate/client'
import { durationMs } from '@quorate/client/testing'
import { fileKinds } from '../laboratory/plan/fault-table.ts'
import { type Fault, parseFault } from './fault.ts'
import { FaultRunner } from './fault-runner.ts'
import { invalid } from './invalid.ts'
import { watchRealIo } from './real-io-node.ts'
import { simulatedClient } from './simulated-client.ts'
import { TestClusterError } from './test-cluster-error.ts'
import type {
  CorruptOptions,
  CrashOptions,
  FillDiskOptions,
  PauseOptions,
  ProcessHandle,
  TestClusterOptions,
  UntilOptions,
} from './test-cluster-options.ts'
import { TestWaits } from './test-waits.ts'
import type { TimelineEntry } from './timeline.ts'
import { userHost, userNetwork } from './user-host.ts'
import type { ProcessFunction, ProcessOptions } from './user-process.ts'
import { World } from './world.ts'

const untilEveryMs = 10
const untilDefault = '30s'

/** A cluster with the machines around it; made by `testCluster`. */
export class TestCluster implements AsyncDisposable {
  /** Gives every random choice of the run. */
  readonly seed: number
  readonly #world: World
  readonly #waits: TestWaits
  readonly #host: Host
  readonly #random: Random
  #clients = 0
  #damages = 0
  #wasUnderFaults = false

  /** @internal */
  constructor(options: Required<TestClusterOptions>) {
    const { nodes, seed, time } = options
    this.seed = seed
    this.#world = new World(nodes, seed, {
      touch: () => this.#waits.touch(),
      guard: (process, start) => {
        if (time === 'real') start()
        else watchRealIo(start, (what, where) => this.#waits.usedReal(process, what, where))
      },
      failed: (error) => this.#waits.fail(error),
    })
    this.#world.form()
    const { simulation } = this.#world.cluster
    this.#waits = new TestWaits(this.#world, time)
    this.#host = userHost(simulation.host('test'), this.#waits.touch)
    const { random } = simulation
    this.#random = { integer: (purpose, bound) => random.integer(`test/${purpose}`, bound) }
  }

  /** Names of the nodes: `n1`, `n2`, … */
  get nodes(): readonly string[] {
    return this.#world.cluster.nodeNames
  }

  /** 16 hexadecimal digits over everything that happened: equal for equal seeds and equal tests. */
  get hash(): string {
    return this.#world.cluster.simulation.hash
  }

  /** Faults, elections, processes and notes so far, oldest first; of a long run the latest 2,000. */
  get timeline(): readonly TimelineEntry[] {
    return this.#world.timeline.entries
  }

  // ── clients and processes ──────────────────────────────────────────────────────────────────

  /**
   * A client on a machine of its own, for the test itself. The name, `client1` and so on by default,
   * is for `partition`. Rejects with QUORATE_CONNECTION_FAILED when no node can be reached.
   */
  connect(name?: string): Promise<Client> {
    return this.#waits.track('connect', async () => {
      this.#clients += 1
      const own = name ?? `client${this.#clients}`
      const { network, addresses: servers } = this.#world.cluster
      const machine = this.#world.addClient(own)
      const { touch } = this.#waits
      const { random } = this.#world.cluster.simulation
      return simulatedClient(own, {
        servers,
        host: userHost(machine, touch),
        random: { integer: (purpose, bound) => random.integer(`${own}/${purpose}`, bound) },
        links: userNetwork(network.host(own, machine), touch),
        track: (what, promise) => this.#waits.track(what, () => promise),
        topic: (topic) => this.#world.topicKnown(topic),
        history: this.#world.history,
      })
    })
  }

  /**
   * Starts a program of the user on a machine of its own. Its function gets everything from its
   * context; it is called anew at each restart. When it throws, the test fails, unless `restartAfter`
   * is given.
   */
  process(name: string, run: ProcessFunction, options: ProcessOptions = {}): ProcessHandle {
    this.#waits.refuseClosed()
    const added = this.#world.addProcess(name, run, options)
    const { values } = added
    return {
      name,
      get running() {
        return added.running
      },
      stored: <Value>(prefix = '') =>
        values.entries(prefix) as readonly (readonly [string, Value])[],
    }
  }

  /** The node that was elected last for the partition (default 0); waits for the first election. */
  async leader(topic: string | { readonly name: string }, partition = 0): Promise<string> {
    const name = typeof topic === 'string' ? topic : topic.name
    const led = () => this.#world.leaderOf(name, partition)
    await this.until(() => led() !== undefined)
    return led()!
  }

  // ── faults ─────────────────────────────────────────────────────────────────────────────────

  /**
   * Nothing passes between the two groups, in both directions, until `heal`. Without `others` the
   * group is cut off from everybody else. Groups are names of nodes, processes and clients.
   */
  partition(group: string | readonly string[], others?: string | readonly string[]): Promise<void> {
    return this.#waits.act('partition', () => {
      const known = (names: string | readonly string[]) =>
        [names].flat().map((name) => this.#world.known(name))
      const rest = others === undefined ? undefined : known(others)
      this.#world.partitions.begin(known(group), rest)
      const from = rest === undefined ? 'everybody' : rest.join(', ')
      this.#world.note(`${[group].flat().join(', ')} cut off from ${from}`)
    })
  }

  /** Ends all partitions. */
  heal(): Promise<void> {
    return this.#waits.act('heal', () => {
      this.#world.partitions.heal()
      this.#world.note('the network is whole')
    })
  }

  /** Kills a node or a process. What does not run is left as it is. */
  crash(name: string, options: CrashOptions = {}): Promise<void> {
    const how = options.power === true ? 'power' : 'kill'
    return this.#waits.act('crash', () => this.#world.crash(name, how))
  }

  /**
   * Ends a node or a process as SIGTERM does: a node hands over what it leads, a process has its
   * signal aborted. Resolves when it has ended.
   */
  async stop(name: string): Promise<void> {
    const stopping = this.#waits.track('stop', async () => {
      const machine = this.#world.machine(name)
      if (!machine.running) return
      this.#world.note(`${name} is told to stop`)
      await machine.stop()
    })
    await stopping
    await this.until(() => !this.#world.machine(name).running)
  }

  /** Starts a node or a process; one that still runs is killed before. Does not wait for it. */
  restart(name: string): Promise<void> {
    return this.#waits.act('restart', () => this.#world.restart(name))
  }

  /** A node or a process stands still, as under SIGSTOP, while all clocks go on. */
  pause(name: string, options: PauseOptions = {}): Promise<void> {
    return this.#waits.act('pause', () => {
      const forMs = options.for === undefined ? undefined : durationMs('for', options.for)
      this.#world.pause(name)
      if (forMs !== undefined) this.#world.after(forMs, () => this.#world.resume(name))
    })
  }

  /** Ends a pause: what waited meanwhile happens at once. */
  resume(name: string): Promise<void> {
    return this.#waits.act('resume', () => this.#world.resume(name))
  }

  /**
   * Changes one bit in a file of a node, under the running process. Resolves with the path. Rejects
   * when every such change would lose what no other node holds: that no cluster survives.
   */
  corrupt(node: string, options: CorruptOptions = {}): Promise<string> {
    return this.#waits.act('corrupt', () => {
      const { file = 'any' } = options
      if (!fileKinds.includes(file)) throw invalid(`file ${String(file)}: ${fileKinds.join(', ')}`)
      this.#damages += 1
      const path = this.#world.corrupt(node, file, `test/${this.#damages}`)
      if (path !== undefined) return path
      throw invalid(`no bit of a file (${file}) of ${node} can change without loss of records`)
    })
  }

  /** The disk of a node takes no more: whatever would make its files larger fails, until `freeDisk`. */
  fillDisk(node: string, options: FillDiskOptions = {}): Promise<void> {
    return this.#waits.act('fillDisk', () => {
      const forMs = options.for === undefined ? undefined : durationMs('for', options.for)
      this.#world.fillDisk(node)
      if (forMs !== undefined) this.#world.after(forMs, () => this.#world.freeDisk(node))
    })
  }

  /** The disk of a node has room again. */
  freeDisk(node: string): Promise<void> {
    return this.#waits.act('freeDisk', () => this.#world.freeDisk(node))
  }

  /** The calendar of a node, process or client jumps, ahead or (`-5_000`) back, and stays so. */
  skewClock(name: string, byMs: number): Promise<void> {
    return this.#waits.act('skewClock', () => {
      if (!Number.isSafeInteger(byMs)) throw invalid(`byMs is ${byMs}, no whole milliseconds`)
      this.#world.skewClock(name, byMs)
    })
  }

  /**
   * Runs `work` while the faults happen, and gives what it gives. Lasts until both are over; then
   * everything the faults did is undone: the network is whole, what was down or stood still runs.
   */
  async underFaults<Result>(
    faults: readonly Fault[],
    work: () => Result | Promise<Result>,
  ): Promise<Result> {
    const checked = faults.map((fault, position) => parseFault(fault, `faults[${position}]`))
    this.#wasUnderFaults = true
    const runner = new FaultRunner(this.#world)
    await this.#waits.act('underFaults', () => runner.start(checked))
    const result = await work()
    while (!runner.over) await this.advance(untilEveryMs)
    await this.#waits.act('underFaults', () => runner.end())
    return result
  }

  /** Whether `underFaults` was ever called. */
  get wasUnderFaults(): boolean {
    return this.#wasUnderFaults
  }

  // ── time ───────────────────────────────────────────────────────────────────────────────────

  /** Lets virtual time pass: milliseconds, or a text such as `'10s'`. */
  advance(time: Duration): Promise<void> {
    return this.#waits.track(
      'advance',
      () => {
        const ms = durationMs('time', time)
        return new Promise<void>((resolve) => this.#host.setTimer(resolve, ms))
      },
      { timed: true },
    )
  }

  /** `advance`, to hand to code under test that takes a `sleep`. */
  readonly sleep = (time: Duration): Promise<void> => this.advance(time)

  /** Milliseconds since 1970 on a clock without skew, to hand to code that takes a `now`. */
  readonly now = (): number => this.#host.wallMs()

  /** A number from 0 to below 1, given by the seed, to hand to code that takes a `random`. */
  readonly random = (): number => this.#random.integer('random', 2 ** 32) / 2 ** 32

  /**
   * Resolves once the condition gives something truthy; it is asked every 10 ms of virtual time.
   * Rejects with what it throws, and with TestClusterError `not-true` when time is over.
   */
  async until(
    condition: () => unknown | Promise<unknown>,
    options: UntilOptions = {},
  ): Promise<void> {
    const { within = untilDefault } = options
    const untilMs = this.#world.nowMs + durationMs('within', within)
    for (;;) {
      if (await condition()) return
      if (this.#world.nowMs >= untilMs) {
        const message = `until: not true after ${within}${this.#waits.whoWaits()}`
        throw new TestClusterError('not-true', message)
      }
      await this.advance(untilEveryMs)
    }
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────

  /** Adds a line to the timeline. */
  note(text: string): void {
    this.#world.note(text)
  }

  /**
   * Throws TestClusterError `violated` when the cluster has broken a guarantee, by its disks and logs
   * or by what its clients were told and read. `close` asks too.
   */
  check(): void {
    const violations = this.#world.violations()
    if (violations.length === 0) return
    throw new TestClusterError('violated', `seed ${this.seed}: ${violations.join('\n')}`)
  }

  /** Ends everything at once. Rejects with a failure nobody has heard of yet. Again is fine. */
  async close(): Promise<void> {
    if (this.#waits.closed) return
    const failure = this.#waits.close()
    for (const each of this.#world.processes) each.crash()
    if (failure !== undefined) throw failure
    this.check()
  }

  /** `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
