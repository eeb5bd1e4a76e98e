// A cluster as `quorate dev` starts it: the processes, the addresses and the commands to restart a
// node are those of its dev.json. Started directly, not through npm, on free ports and own data.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  disownProcess,
  isRunning,
  LocalCluster,
  LocalNode,
  ownProcess,
  quorateScript,
  readyTimeoutMs,
  signalProcess,
  temporaryFolder,
  waitUntil,
} from 'quorate/laboratory'

export interface DevOptions {
  /** Default 3. */
  readonly nodes?: 1 | 3 | 5
  /** Folder above the data. Default: a new temporary one. */
  readonly folder?: string
}

interface DevFile {
  readonly version: 1
  readonly clusterId: string
  readonly nodes: readonly {
    readonly id: string
    readonly pid: number
    readonly nats: string
    readonly http: string
    readonly data: string
    readonly command: readonly string[]
  }[]
}

const endTimeoutMs = 25_000

export class DevCluster extends LocalCluster {
  readonly clusterId: string
  readonly #dev: ChildProcess
  /** What dev printed. */
  readonly output: { readonly stdout: string; readonly stderr: string }

  private constructor(
    folder: string,
    { nodes, clusterId }: DevFile,
    dev: ChildProcess,
    output: { readonly stdout: string; readonly stderr: string },
  ) {
    super(folder, nodes.map(localNode))
    this.clusterId = clusterId
    this.#dev = dev
    this.output = output
  }

  /** Resolves when every node is ready. */
  static async start({ nodes = 3, folder }: DevOptions = {}): Promise<DevCluster> {
    const home = folder ?? temporaryFolder('dev')
    const data = join(home, 'data')
    const args = ['dev', '--nodes', String(nodes), '--data', data, '--port', '0']
    const dev = spawn(process.execPath, [quorateScript, ...args, '--http-port', '0'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const pid = dev.pid!
    ownProcess(pid)
    const output = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      dev[name].on('data', (bytes: Buffer) => {
        output[name] += bytes
      })
    }
    const file = join(data, 'dev.json')
    try {
      const found = await waitUntil(
        'quorate dev has written dev.json',
        () => {
          if (dev.exitCode !== null) return 'ended'
          return existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as DevFile)
        },
        { timeoutMs: readyTimeoutMs, explain: () => output.stderr },
      )
      if (found === 'ended') throw new Error(`quorate dev ended: ${output.stderr}`)
      return new DevCluster(home, found, dev, output)
    } catch (error) {
      signalProcess(pid, 'SIGTERM')
      throw error
    }
  }

  /** Ends it as Ctrl-C does. Resolves with the exit code of dev. */
  async interrupt(): Promise<number | null> {
    this.#dev.kill('SIGINT')
    await this.#ended()
    return this.#dev.exitCode
  }

  protected async endProcesses(): Promise<void> {
    // Dev ends the nodes, and a frozen one would make it wait.
    for (const { pid } of this.nodes) if (pid !== undefined) signalProcess(pid, 'SIGCONT')
    if (this.#dev.exitCode === null && this.#dev.signalCode === null) this.#dev.kill('SIGTERM')
    await this.#ended().catch(() => this.#dev.kill('SIGKILL'))
    await Promise.all(this.nodes.map((node) => node.stop()))
  }

  async #ended(): Promise<void> {
    const pid = this.#dev.pid!
    await waitUntil('quorate dev has ended', () => !isRunning(pid), {
      timeoutMs: endTimeoutMs,
      explain: () => this.output.stderr,
    })
    disownProcess(pid)
  }
}

function localNode({ id, pid, nats, http, data, command }: DevFile['nodes'][number]): LocalNode {
  const address = nats.replace('nats://', '')
  return new LocalNode({ id, address, http: http.replace('http://', ''), data, command }, pid)
}
