// One node process of a local cluster, through all its lives: where it is, which process it is now,
// how to end it, freeze it and start it again. It knows nothing of the other nodes.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { disownProcess, isRunning, ownProcess, signalProcess } from './own-processes.ts'
import { waitUntil } from './wait-until.ts'

export interface NodePlace {
  readonly id: string
  /** `host:port` where clients reach it; a proxy may sit there. */
  readonly address: string
  /** `host:port` of its HTTP door. */
  readonly http: string
  readonly data: string
  /** Starts it: absolute paths, no environment, no working directory. */
  readonly command: readonly string[]
  /** Of each of its processes. Default: empty. */
  readonly environment?: Readonly<Record<string, string>>
  /** What its processes print goes there. Default: beside the data. */
  readonly logFile?: string
}

const endTimeoutMs = 20_000

export class LocalNode implements NodePlace {
  readonly id: string
  readonly address: string
  readonly http: string
  readonly data: string
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly logFile: string
  #pid: number | undefined

  constructor(place: NodePlace, pid?: number) {
    this.id = place.id
    this.address = place.address
    this.http = place.http
    this.data = place.data
    this.command = place.command
    this.environment = place.environment ?? {}
    this.logFile = place.logFile ?? `${place.data}.log`
    if (pid !== undefined) this.#took(pid)
  }

  /** Of its latest life. */
  get pid(): number | undefined {
    return this.#pid
  }

  get running(): boolean {
    return this.#pid !== undefined && isRunning(this.#pid)
  }

  /** Lines of its log that are no JSON: what it said to whom started it. */
  lastWords(): string {
    return this.#logLines()
      .filter((line) => !line.startsWith('{'))
      .join('\n')
  }

  /** Its log as objects, oldest first. */
  events(): { readonly event?: string; readonly [field: string]: unknown }[] {
    return this.#logLines()
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line))
  }

  /** Starts the process and does not wait for it to be ready. It ends when this process is gone. */
  start(environment = this.environment): void {
    if (this.running) throw new Error(`node ${this.id} is running already`)
    const [file = '', ...args] = this.command
    const log = openSync(this.logFile, 'a')
    const child = spawn(file, args, {
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
      cwd: '/',
      env: environment,
    })
    closeSync(log)
    child.on('error', () => {})
    child.unref()
    child.channel?.unref()
    if (child.pid !== undefined) this.#took(child.pid)
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#pid === undefined || !signalProcess(this.#pid, signal)) {
      throw new Error(`node ${this.id} is not running`)
    }
  }

  /** Resolves when the process is gone. SIGSTOP and SIGCONT have `signal`. */
  async kill(signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT' = 'SIGKILL'): Promise<void> {
    this.signal(signal)
    await this.ended()
  }

  async ended(timeoutMs = endTimeoutMs): Promise<void> {
    await waitUntil(`node ${this.id} has ended`, () => !this.running, { timeoutMs })
    this.#gone()
  }

  /** In good order if it can, by force if not. */
  async stop(): Promise<void> {
    if (this.#pid === undefined) return
    const pid = this.#pid
    // A stopped process does not see a signal to end.
    signalProcess(pid, 'SIGCONT')
    signalProcess(pid, 'SIGTERM')
    try {
      await this.ended()
    } catch {
      signalProcess(pid, 'SIGKILL')
      await this.ended()
    }
  }

  async ready(): Promise<boolean> {
    return (await fetch(`http://${this.http}/readyz`)).status === 200
  }

  /** The sum of a metric over its labels; undefined when it is not there. */
  async metric(name: string): Promise<number | undefined> {
    const text = await (await fetch(`http://${this.http}/metrics`)).text()
    const values = text
      .split('\n')
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)))
    return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0)
  }

  #logLines(): string[] {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8').trimEnd().split('\n') : []
  }

  #took(pid: number): void {
    this.#pid = pid
    ownProcess(pid)
  }

  #gone(): void {
    if (this.#pid !== undefined) disownProcess(this.#pid)
    this.#pid = undefined
  }
}
