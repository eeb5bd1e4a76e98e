// A cluster started by hand: a plan, one formatted folder per node, `server start` for each. Every
// link has a proxy if the test wants: one for each direction between two nodes (a node sends only
// over the links it dialled itself) and one in front of each node for clients, who learn its address
// because the node advertises it.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../../cli/free-ports.ts'
import { type CommandResult, quorate, quorateScript } from './command.ts'
import { LocalCluster, readyTimeoutMs, temporaryFolder } from './local-cluster.ts'
import { LocalNode } from './local-node.ts'
import { type ProxyMode, TcpProxy } from './tcp-proxy.ts'

export interface PlannedOptions {
  /** Default 3. */
  readonly nodes?: 1 | 3 | 5
  /** Proxies between the nodes, and between clients and nodes. Default false. */
  readonly proxies?: boolean
  /** Options of Node.js for the node processes, e.g. `--cpu-prof`. */
  readonly runtimeArguments?: readonly string[]
  /** Options of `server start` for all nodes. */
  readonly arguments?: readonly string[]
  /** Folder above the data. Default: a new temporary one. */
  readonly folder?: string
  /** Data folder of a node. Default: named by it, in `folder`. */
  readonly dataOf?: (id: string) => string
  /** Environment of the processes that work on this data folder. Default: empty. */
  readonly environment?: (data: string) => Readonly<Record<string, string>>
}

/** A node that leaves takes its time. */
const changeTimeoutMs = 130_000

interface Proxies {
  /** From the first node to the second, as `n1 n2`. */
  readonly links: ReadonlyMap<string, TcpProxy>
  /** From clients to a node. */
  readonly doors: ReadonlyMap<string, TcpProxy>
}

export class PlannedCluster extends LocalCluster {
  readonly planFile: string
  readonly #proxies: Proxies
  readonly #options: PlannedOptions
  /** How many folders were made after those of the plan. */
  #laterFolders = 0

  private constructor(
    folder: string,
    nodes: readonly LocalNode[],
    proxies: Proxies,
    options: PlannedOptions,
  ) {
    super(folder, nodes)
    this.planFile = planIn(folder)
    this.#proxies = proxies
    this.#options = options
  }

  /** Resolves when every node is ready. */
  static async start(options: PlannedOptions = {}): Promise<PlannedCluster> {
    const cluster = await PlannedCluster.format(options)
    try {
      for (const node of cluster.nodes) node.start()
      for (const node of cluster.nodes) await cluster.ready(node)
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  /** Nothing runs yet but the proxies. */
  static async format(options: PlannedOptions = {}): Promise<PlannedCluster> {
    const { nodes: count = 3, folder = temporaryFolder('nodes') } = options
    const ports = await freePorts(2 * count)
    const homes = Array.from({ length: count }, (_unused, index) => ({
      id: `n${index + 1}`,
      listen: `127.0.0.1:${ports[index]}`,
      http: `127.0.0.1:${ports[count + index]}`,
      data: options.dataOf?.(`n${index + 1}`) ?? join(folder, `n${index + 1}`),
    }))
    mkdirSync(folder, { recursive: true })
    await formatAll(folder, homes)
    const proxies = await startProxies(options.proxies === true, homes)
    const nodes = homes.map((home) => {
      const logFile = join(folder, `${home.id}.log`)
      return new LocalNode({ ...placeOf(home, homes, proxies, options), logFile })
    })
    return new PlannedCluster(folder, nodes, proxies, options)
  }

  /** Resolves when the new node is ready; it has no replicas yet. Without proxies. */
  async addNode(id: string): Promise<void> {
    const [listen, http] = (await freePorts(2)).map((port) => `127.0.0.1:${port}`) as [
      string,
      string,
    ]
    await this.command('add-node', id, '--address', listen, '--plan', this.planFile)
    await this.#join({ id, listen, http, data: this.#newFolder(id) })
  }

  /** A node that has ended, and whose folder is lost, comes back with an empty one. */
  async replaceNode(id: string): Promise<void> {
    const lost = this.node(id)
    rmSync(lost.data, { recursive: true })
    await this.command('replace-node', id, '--plan', this.planFile)
    this.exchange(lost, undefined)
    const { address: listen, http } = lost
    await this.#join({ id, listen, http, data: this.#newFolder(id) })
  }

  /** Resolves when the cluster does without the node; its process has ended and its folder is gone. */
  async removeNode(id: string): Promise<void> {
    const node = this.node(id)
    await this.command('remove-node', id, '--plan', this.planFile, '--timeout', '2m')
    await node.stop()
    this.exchange(node, undefined)
    rmSync(node.data, { recursive: true })
  }

  async canStop(id: string): Promise<boolean> {
    const { exitCode, stdout, stderr } = await this.#ask('can-stop', id, '-o', 'json')
    if (exitCode === null || exitCode > 1 || stdout === '') throw new Error(`can-stop: ${stderr}`)
    return exitCode === 0
  }

  /** `quorate cluster …` has to succeed. */
  async command(...words: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.#ask(...words)
    if (exitCode !== 0) throw new Error(`quorate cluster ${words.join(' ')}: ${stderr}`)
    return stdout
  }

  #ask(...words: readonly string[]): Promise<CommandResult> {
    const running = this.nodes.filter((node) => node.running)
    const server = running.map(({ address }) => `nats://${address}`).join(',')
    return quorate(['cluster', ...words, '--server', server], { timeoutMs: changeTimeoutMs })
  }

  #newFolder(id: string): string {
    this.#laterFolders += 1
    return join(this.folder, `${id}-${this.#laterFolders}`)
  }

  async #join(home: Home): Promise<void> {
    const { id, data } = home
    await succeed(['server', 'format', '--plan', this.planFile, '--node', id, '--data', data])
    const none = { links: new Map(), doors: new Map() }
    const node = new LocalNode(placeOf(home, [], none, this.#options))
    this.exchange(undefined, node)
    node.start()
    await this.ready(node)
  }

  /** What the first node sends to the second passes here. Only with proxies. */
  linkOf(from: string, to: string): TcpProxy {
    return this.#proxies.links.get(`${from} ${to}`)!
  }

  /** What clients and a node tell each other passes here. Only with proxies. */
  doorOf(id: string): TcpProxy {
    return this.#proxies.doors.get(id)!
  }

  /** Both directions between two nodes. */
  async link(first: string, second: string, mode: ProxyMode): Promise<void> {
    const both = [this.linkOf(first, second), this.linkOf(second, first)]
    await Promise.all(both.map((proxy) => proxy.set(mode)))
  }

  /** Everything between one node and all others. */
  async links(id: string, mode: ProxyMode): Promise<void> {
    await Promise.all(this.others(id).map((other) => this.link(id, other.id, mode)))
  }

  /** Between one node and all clients. */
  async door(id: string, mode: ProxyMode): Promise<void> {
    await this.doorOf(id).set(mode)
  }

  protected async endProcesses(): Promise<void> {
    // Nodes hand their work over while they stop; through dropping links they would wait in vain.
    const all = [...this.#proxies.links.values(), ...this.#proxies.doors.values()]
    for (const proxy of all) proxy.delay(undefined)
    await Promise.all(all.map((proxy) => proxy.set('pass')))
    await Promise.all(this.nodes.map((node) => node.stop()))
    await Promise.all(all.map((proxy) => proxy.close()))
  }
}

interface Home {
  readonly id: string
  readonly listen: string
  readonly http: string
  readonly data: string
}

function planIn(folder: string): string {
  return join(folder, 'plan.json')
}

async function formatAll(folder: string, homes: readonly Home[]): Promise<void> {
  const plan = planIn(folder)
  const addresses = homes.map(({ listen }) => listen).join(',')
  await succeed(['server', 'format', '--new-plan', plan, '--nodes', addresses])
  for (const { id, data } of homes) {
    await succeed(['server', 'format', '--plan', plan, '--node', id, '--data', data])
  }
}

async function succeed(args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await quorate(args, { timeoutMs: readyTimeoutMs })
  if (exitCode !== 0) throw new Error(`quorate ${args.join(' ')}: ${stderr}`)
}

async function startProxies(wanted: boolean, homes: readonly Home[]): Promise<Proxies> {
  const links = new Map<string, TcpProxy>()
  const doors = new Map<string, TcpProxy>()
  for (const to of wanted ? homes : []) {
    doors.set(to.id, await TcpProxy.start(to.listen))
    for (const from of homes) {
      if (from !== to) links.set(`${from.id} ${to.id}`, await TcpProxy.start(to.listen))
    }
  }
  return { links, doors }
}

function placeOf(home: Home, homes: readonly Home[], proxies: Proxies, options: PlannedOptions) {
  const { id, listen, http, data } = home
  const address = proxies.doors.get(id)?.address ?? listen
  const peers = homes
    .filter((peer) => peer !== home)
    .flatMap((peer) => {
      const near = proxies.links.get(`${id} ${peer.id}`)?.address ?? peer.listen
      return ['--peer', `${peer.id}=${near}`]
    })
  const { runtimeArguments = [], arguments: own = [] } = options
  const start = ['server', 'start', '--data', data, '--listen', listen, '--http', http]
  const advertise = address === listen ? [] : ['--advertise', address]
  const server = [...start, ...advertise, ...peers, ...own]
  const command = [process.execPath, ...runtimeArguments, quorateScript, ...server]
  const environment = options.environment?.(data) ?? {}
  return { id, address, http, data, command, environment }
}
