// What a test does with a cluster of real node processes, however it was started: connect, kill,
// freeze, restart, wait, look, stop. Deliberately the words of a test: nothing here decides what is
// right. dev-cluster.ts and planned-cluster.ts start one.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, connect, type TopicDescription } from '@quorate/client'
import type { LocalNode } from './local-node.ts'
import { type WaitOptions, waitUntil } from './wait-until.ts'

export const readyTimeoutMs = 30_000

export abstract class LocalCluster implements AsyncDisposable {
  /** Data of all nodes and whatever the test wants to keep beside them. */
  readonly folder: string
  readonly #nodes: LocalNode[]
  readonly #clients = new Set<Client>()

  constructor(folder: string, nodes: readonly LocalNode[]) {
    this.folder = folder
    this.#nodes = [...nodes]
  }

  get nodes(): readonly LocalNode[] {
    return this.#nodes
  }

  node(id: string): LocalNode {
    const found = this.nodes.find((node) => node.id === id)
    if (found === undefined) throw new Error(`no node ${id}`)
    return found
  }

  others(id: string): LocalNode[] {
    return this.nodes.filter((node) => node.id !== id)
  }

  /** From now on `added` belongs to the cluster and `removed`, which has ended, does not. */
  protected exchange(removed: LocalNode | undefined, added: LocalNode | undefined): void {
    const rest = this.#nodes.filter((node) => node !== removed)
    this.#nodes.splice(0, this.#nodes.length, ...rest, ...(added === undefined ? [] : [added]))
  }

  /** Addresses for `connect`. */
  get servers(): string[] {
    return this.nodes.map(({ address }) => `nats://${address}`)
  }

  /** Closed with the cluster. */
  async connect(servers: readonly string[] = this.servers): Promise<Client> {
    const client = await connect(servers)
    this.#clients.add(client)
    return client
  }

  /** Resolves when the node answers ready. */
  async restart(id: string): Promise<void> {
    const node = this.node(id)
    node.start()
    await this.ready(node)
  }

  async ready(node: LocalNode): Promise<void> {
    const settled = async () =>
      node.running ? (await node.ready()) && ('ready' as const) : ('ended' as const)
    const timeoutMs = readyTimeoutMs
    const found = await this.waitUntil(`node ${node.id} is ready`, settled, { timeoutMs })
    if (found === 'ended') throw new Error(`node ${node.id} ended: ${node.lastWords()}`)
  }

  waitUntil<Value>(
    what: string,
    condition: Parameters<typeof waitUntil<Value>>[1],
    options: WaitOptions = {},
  ): Promise<Value> {
    return waitUntil(what, condition, { explain: () => this.table(), ...options })
  }

  describe(client: Client, topic: string): Promise<TopicDescription> {
    return client.admin.describeTopic(topic)
  }

  /** The node that leads; waits until there is one. */
  async leaderOf(client: Client, topic: string, partition: number): Promise<LocalNode> {
    const id = await this.waitUntil(`${topic}/${partition} has a leader`, async () => {
      const { partitionStates } = await this.describe(client, topic)
      const state = partitionStates.find((each) => each.partition === partition)
      const leading = state?.replicas.filter(({ role }) => role === 'leader') ?? []
      // Right after a fail-over the old leader may not know yet.
      return leading.length === 1 && leading[0]!.node === state?.leader && state.leader
    })
    return this.node(id)
  }

  /** Processes, and the cluster as one of its nodes sees it. */
  async table(): Promise<string> {
    const lines = this.nodes.map((node) => {
      const state = node.running ? `process ${node.pid}` : 'no process'
      return `${node.id} ${node.address} ${state}\n${indented(node.lastWords())}`
    })
    lines.push(await this.#status().catch((error: unknown) => `no status: ${String(error)}`))
    return lines.join('\n')
  }

  /** Ends clients and processes, and removes the data. Twice is fine. */
  async stop(): Promise<void> {
    await this.stopNodes()
    if (process.env['KEEP_DATA'] === '1') process.stderr.write(`kept: ${this.folder}\n`)
    else rmSync(this.folder, { recursive: true, force: true })
  }

  /** As `stop`, but the data stay. */
  async stopNodes(): Promise<void> {
    const closing = [...this.#clients].map((client) =>
      client.close({ signal: AbortSignal.abort() }).catch(() => {}),
    )
    this.#clients.clear()
    await Promise.all([...closing, this.endProcesses()])
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #status(): Promise<string> {
    const client = await connect(this.servers, { signal: AbortSignal.timeout(2000) })
    try {
      return JSON.stringify(await client.admin.clusterStatus({ timeout: 3000 }), null, 2)
    } finally {
      await client.close({ signal: AbortSignal.abort() })
    }
  }

  protected abstract endProcesses(): Promise<void>
}

export function temporaryFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `quorate-${name}-`))
}

function indented(text: string): string {
  return text === '' ? '' : `  ${text.replaceAll('\n', '\n  ')}`
}
