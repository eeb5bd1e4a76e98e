// Where and with what a run was made: without it a figure says nothing.
import { execFileSync, type StdioOptions } from 'node:child_process'
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { fileURLToPath } from 'node:url'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly system: string
  /** Of the folder the data lie in. */
  readonly fileSystem: string
  readonly node: string
  readonly quorate: string
  /** With `+` when files were changed since. */
  readonly commit: string
}

export function machine(): Machine {
  const cpus = os.cpus()
  return {
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cores: cpus.length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    fileSystem: line('df', ['--output=fstype', os.tmpdir()]).split('\n').at(-1) ?? 'unknown',
    node: process.version,
    quorate: versionOf('quorate'),
    commit: commit(),
  }
}

function commit(): string {
  const head = line('git', ['rev-parse', '--short=12', 'HEAD'])
  const changed = line('git', ['status', '--porcelain', '--untracked-files=no'])
  return changed === '' || head === 'unknown' ? head : `${head}+`
}

function versionOf(name: string): string {
  const manifest = readFileSync(fileURLToPath(import.meta.resolve(`${name}/package.json`)), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}

function line(command: string, args: readonly string[]): string {
  try {
    const stdio: StdioOptions = ['ignore', 'pipe', 'ignore']
    const options = { encoding: 'utf8', stdio, cwd: import.meta.dirname } as const
    return execFileSync(command, args, options).trim()
  } catch {
    return 'unknown'
  }
}
