// A stock NATS server with JetStream, of somebody else, as a process of its own: loopback, a port the
// system chose, its store in a folder of the test. It can be killed and started again on the same port.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { disownProcess, isRunning, ownProcess, signalProcess, waitUntil } from 'quorate/laboratory'

export const natsServerCommand = resolve(import.meta.dirname, '../../../.cache/bin/nats-server')

export function isNatsServerInstalled(): boolean {
  return existsSync(natsServerCommand)
}

export class NatsServer {
  readonly #folder: string
  #pid = -1
  /** -1: the system chooses. */
  #port = -1

  private constructor(folder: string) {
    this.#folder = folder
  }

  static async start(folder: string): Promise<NatsServer> {
    const server = new NatsServer(folder)
    await server.restart()
    return server
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  async restart(): Promise<void> {
    const where = ['-a', '127.0.0.1', '-p', String(this.#port), '--ports_file_dir', this.#folder]
    const store = ['-js', '-sd', join(this.#folder, 'store')]
    const log = openSync(join(this.#folder, 'server.log'), 'a')
    const child = spawn(natsServerCommand, [...where, ...store], {
      stdio: ['ignore', log, log],
      cwd: this.#folder,
    })
    closeSync(log)
    child.on('error', () => {})
    if (child.pid === undefined) throw new Error(`${natsServerCommand} does not start`)
    this.#pid = child.pid
    ownProcess(child.pid)
    this.#port = await waitUntil('the server has a port', () => this.#readPort(), {
      explain: () => readFileSync(join(this.#folder, 'server.log'), 'utf8'),
    })
  }

  async kill(): Promise<void> {
    signalProcess(this.#pid, 'SIGKILL')
    await waitUntil('the server has ended', () => !isRunning(this.#pid))
    disownProcess(this.#pid)
  }

  async stop(): Promise<void> {
    if (isRunning(this.#pid)) await this.kill()
  }

  #readPort(): number | undefined {
    const name = readdirSync(this.#folder).find((each) => each.endsWith(`_${this.#pid}.ports`))
    if (name === undefined) return undefined
    const { nats } = JSON.parse(readFileSync(join(this.#folder, name), 'utf8'))
    return Number(new URL(nats[0]).port)
  }
}
