// Runs `quorate` as a user does: a process of its own, started directly, because npm in between
// would keep signals to itself. Every process a test starts is known here by its id and ended here.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DevFile } from '../../src/cli/dev-file.ts'

export const script = fileURLToPath(new URL('../../bin/quorate.js', import.meta.url))
/** Nothing of what the test runner or the shell of a developer has set. */
const environment = { PATH: process.env['PATH'] ?? '', HOME: tmpdir() }
const deadlineMs = 25_000
const pollMs = 20

export interface Ended {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string | Uint8Array
  readonly environment?: Readonly<Record<string, string>>
  readonly folder?: string
  /** Arguments of Node itself. */
  readonly nodeArguments?: readonly string[]
}

/** A started command. */
export class Started {
  readonly process: ChildProcess
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''

  constructor(command: readonly string[], options: RunOptions = {}) {
    const [file = '', ...words] = command
    this.process = spawn(file, words, {
      env: { ...environment, ...options.environment },
      cwd: options.folder ?? tmpdir(),
    })
    const { stdin, stdout, stderr } = this.process
    stdout?.on('data', (bytes) => {
      this.stdout += bytes
    })
    stderr?.on('data', (bytes) => {
      this.stderr += bytes
    })
    // A command may end before it has read everything.
    stdin?.on('error', () => {})
    if (options.input !== undefined) stdin?.end(options.input)
    this.ended = new Promise((resolve) => {
      this.process.on('close', (exitCode, signal) => {
        resolve({ exitCode, signal, stdout: this.stdout, stderr: this.stderr })
      })
    })
  }

  get pid(): number {
    return this.process.pid ?? 0
  }

  signal(name: NodeJS.Signals): void {
    this.process.kill(name)
  }

  /** Resolves when it has printed that, on either stream. */
  async printed(text: string | RegExp): Promise<void> {
    await until(`it has printed ${text}`, () => {
      const all = this.stdout + this.stderr
      return typeof text === 'string' ? all.includes(text) : text.test(all)
    })
  }
}

/** Folders and processes of one test file. */
export class Bench {
  readonly script = script
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'quorate-process-')))
  readonly #started: Started[] = []
  readonly #pids = new Set<number>()

  start(args: readonly string[], options: RunOptions = {}): Started {
    const node = [process.execPath, ...(options.nodeArguments ?? []), script]
    return this.startCommand([...node, ...args], options)
  }

  startCommand(command: readonly string[], options: RunOptions = {}): Started {
    const started = new Started(command, options)
    this.#started.push(started)
    return started
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return this.start(args, { input: '', ...options }).ended
  }

  /** A cluster that is ready. */
  async dev(args: readonly string[], options: RunOptions = {}): Promise<Dev> {
    const data = join(this.folder, `data${this.#started.length}`)
    const at = args.includes('--data') ? [] : ['--data', data]
    const started = this.start(['dev', '--port', '0', '--http-port', '0', ...args, ...at], options)
    const folder = [...args, ...at][[...args, ...at].indexOf('--data') + 1]!
    const path = join(folder, 'dev.json')
    await until(`${path} is there`, () => {
      if (started.process.exitCode !== null) throw new Error(`dev ended: ${started.stderr}`)
      return existsSync(path)
    })
    const file = JSON.parse(readFileSync(path, 'utf8')) as DevFile
    for (const { pid } of file.nodes) this.#pids.add(pid)
    return { started, folder, path, file, server: file.nodes[0]!.nats }
  }

  /** Ends what still runs, and removes what was written. */
  async clear(): Promise<void> {
    for (const { process: child } of this.#started) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    }
    await Promise.all(this.#started.map(({ ended }) => ended))
    for (const pid of this.#pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
    await until('nodes have ended', () => ![...this.#pids].some(isAlive))
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export interface Dev {
  readonly started: Started
  readonly folder: string
  /** Of dev.json. */
  readonly path: string
  readonly file: DevFile
  /** Of the first node. */
  readonly server: string
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

export async function isReady(http: string): Promise<boolean> {
  try {
    return (await fetch(`${http}/readyz`)).status === 200
  } catch {
    return false
  }
}

/** Throws, with what it waited for, when that does not come. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const end = performance.now() + deadlineMs
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${deadlineMs} ms have passed until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}
