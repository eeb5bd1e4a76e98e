// The node processes of a local cluster. Each is detached, so that Ctrl-C reaches `dev` alone, and
// has a channel to it, so that it ends when `dev` is gone. A node that dies is reported and left
// dead: whoever killed it decides when it comes back. At the end every node whose data folder is
// held is stopped, also one that was started again by hand.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { QuorateError } from '@quorate/protocol'
import { dataFolderHolder } from '../storage/lock-node.ts'
import { errorOfLine, lastWords, shellLine } from './dev-text.ts'

export interface DevNode {
  readonly id: string
  readonly data: string
  /** `host:port` */
  readonly address: string
  /** `host:port` */
  readonly http: string
}

interface Running {
  readonly process: ChildProcess
  /** Size of the log before this process wrote to it. */
  readonly logStart: number
}

const shim = fileURLToPath(new URL('../../bin/quorate.js', import.meta.url))
const stopTimeoutMs = 15_000
const pollMs = 40
const probeTimeoutMs = 1000

export class DevProcesses {
  readonly nodes: readonly DevNode[]
  readonly #report: (line: string) => void
  readonly #running = new Map<string, Running>()
  #stopping = false
  #killing = false

  constructor(nodes: readonly DevNode[], report: (line: string) => void) {
    this.nodes = nodes
    this.#report = report
  }

  commandOf(node: DevNode): string[] {
    const peers = this.nodes
      .filter(({ id }) => id !== node.id)
      .flatMap(({ id, address }) => ['--peer', `${id}=${address}`])
    const server = ['server', 'start', '--data', node.data, '--listen', node.address]
    const rest = ['--http', node.http, ...peers, '--auto-create-topics']
    return [process.execPath, shim, ...server, ...rest]
  }

  pidOf(id: string): number {
    return this.#running.get(id)?.process.pid ?? 0
  }

  /** Throws QUORATE_DATA_IN_USE, and has started nothing then. */
  async start(): Promise<void> {
    for (const { data } of this.nodes) {
      const holder = await dataFolderHolder(data)
      if (holder !== undefined) {
        throw new QuorateError('QUORATE_DATA_IN_USE', `${data}, by process ${holder}`)
      }
    }
    for (const node of this.nodes) this.#spawn(node)
  }

  /** Resolves when every node answers ready; throws when one has ended or time is over. */
  async ready(timeoutMs: number): Promise<void> {
    const until = Date.now() + timeoutMs
    for (const node of this.nodes) {
      while (!this.#stopping && !(await answersReady(node.http))) {
        const running = this.#running.get(node.id)
        if (running === undefined || hasEnded(running.process)) throw startFailure(node, running)
        if (Date.now() > until) {
          const detail = `node ${node.id} is not ready after ${timeoutMs / 1000} s; see ${logFile(node)}`
          throw new QuorateError('QUORATE_TIMEOUT', detail)
        }
        await sleep(pollMs)
      }
    }
  }

  /**
   * One after the other, so that a node can hand over what it leads to one that stays. Resolves
   * when none runs any more.
   */
  async stop(): Promise<void> {
    this.#stopping = true
    for (const node of this.nodes) await this.#stopNode(node)
  }

  /** `stop` goes on, with SIGKILL. Loses nothing that was acknowledged. */
  kill(): void {
    this.#killing = true
  }

  async #stopNode(node: DevNode): Promise<void> {
    const until = Date.now() + stopTimeoutMs
    const told = new Set<number>()
    for (;;) {
      const pids = await this.#pidsOf(node)
      if (pids.length === 0) return
      const kill = this.#killing || Date.now() > until
      for (const pid of pids) {
        if (kill) signal(pid, 'SIGKILL')
        else if (!told.has(pid)) signal(pid, 'SIGTERM')
        told.add(pid)
      }
      await sleep(pollMs)
    }
  }

  /** Our own process while it lives, and whoever holds the data. */
  async #pidsOf(node: DevNode): Promise<number[]> {
    const running = this.#running.get(node.id)?.process
    const own = running === undefined || hasEnded(running) ? undefined : running.pid
    const holder = await dataFolderHolder(node.data)
    return [...new Set([own, holder])].filter((pid) => pid !== undefined)
  }

  #spawn(node: DevNode): void {
    const [command = '', ...args] = this.commandOf(node)
    const log = openSync(logFile(node), 'a', 0o600)
    const logStart = statSync(logFile(node)).size
    const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log, 'ipc'] })
    closeSync(log)
    this.#running.set(node.id, { process: child, logStart })
    child.on('error', (error) => this.#report(`node ${node.id}: ${error.message}`))
    child.on('exit', (code, why) => {
      if (this.#stopping) return
      this.#report(`node ${node.id} (pid ${child.pid}) ended: ${why ?? `exit code ${code}`}`)
      const words = lastWords(logFile(node), logStart)
      if (words !== undefined) this.#report(`  ${words}`)
      this.#report(`  start it again: ${shellLine(this.commandOf(node))}`)
    })
  }
}

export function logFile(node: Pick<DevNode, 'data'>): string {
  return `${node.data}.log`
}

/** The node's own error where it gave one. */
function startFailure(node: DevNode, running: Running | undefined): QuorateError {
  const words = running === undefined ? undefined : lastWords(logFile(node), running.logStart)
  const log = `see ${logFile(node)}`
  const found = errorOfLine(words)
  if (found !== undefined) {
    return new QuorateError(found.code, `${found.detail ?? ''} (node ${node.id}; ${log})`)
  }
  return new QuorateError('QUORATE_INTERNAL', `node ${node.id} ended; ${log}`)
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null
}

function answersReady(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = request(`http://${address}/readyz`, { timeout: probeTimeoutMs }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    probe.on('error', () => resolve(false))
    probe.on('timeout', () => probe.destroy())
    probe.end()
  })
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended meanwhile.
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
