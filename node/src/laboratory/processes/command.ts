// Runs the `quorate` command as a user does, as a process of its own, without npm in between:
// signals to npm would not reach it. Gives back what it printed and how it ended.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { disownProcess, ownProcess } from './own-processes.ts'

/** The script behind `quorate`. */
export const quorateScript: string = fileURLToPath(
  new URL('../../../bin/quorate.js', import.meta.url),
)

export interface CommandResult {
  /** `null` when a signal ended it. */
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly input?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly folder?: string
  /** Called with each line of standard output, as it comes. */
  readonly onLine?: (line: string) => void
  /** Then it is killed and the call rejects. Default 30,000. */
  readonly timeoutMs?: number
}

export function quorate(
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return runCommand(process.execPath, [quorateScript, ...args], options)
}

export function runCommand(
  file: string,
  args: readonly string[],
  { input = '', environment = {}, folder, timeoutMs = 30_000, onLine }: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
      ...(folder === undefined ? {} : { cwd: folder }),
    })
    const pid = child.pid
    if (pid !== undefined) ownProcess(pid)
    const printed = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8')
      child[name].on('data', (text: string) => {
        printed[name] += text
      })
    }
    if (onLine !== undefined) createInterface({ input: child.stdout }).on('line', onLine)
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      const words = [file, ...args].join(' ')
      reject(new Error(`${words}: no end after ${timeoutMs} ms\n${printed.stderr}`))
    }, timeoutMs)
    const ended = () => {
      clearTimeout(timer)
      if (pid !== undefined) disownProcess(pid)
    }
    child.on('error', (error) => {
      ended()
      reject(error)
    })
    child.on('close', (exitCode) => {
      ended()
      resolve({ exitCode, ...printed })
    })
    // A command that ends without reading its input is no failure of the test.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}
