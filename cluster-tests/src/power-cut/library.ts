// Builds the library that journals file changes, with the C compiler of the system, once for each
// version of its source, and gives the environment that loads it into a process.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { join, resolve } from 'node:path'

const repository = resolve(import.meta.dirname, '../../..')
const source = join(repository, 'cluster-tests/power-cut/power-cut.c')
const folder = join(repository, '.cache/power-cut')

/** Why it cannot be built here; undefined when it can. */
export function powerCutProblem(): string | undefined {
  if (process.platform !== 'linux') return 'the power-cut library needs Linux'
  try {
    execFileSync('gcc', ['--version'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'gcc is not there; .ci/run installs it'
  }
}

/** `root`: absolute, without symbolic links. `journal`: a folder on the same file system. */
export function powerCutEnvironment(root: string, journal: string): Record<string, string> {
  mkdirSync(journal, { recursive: true })
  return { LD_PRELOAD: library(), POWER_CUT_ROOT: root, POWER_CUT_JOURNAL: journal }
}

function library(): string {
  const hash = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16)
  const path = join(folder, `power-cut-${hash}.so`)
  if (existsSync(path)) return path
  mkdirSync(folder, { recursive: true })
  const building = `${path}.${process.pid}`
  const options = ['-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-Werror']
  execFileSync('gcc', [...options, '-o', building, source, '-ldl', '-lpthread'])
  renameSync(building, path)
  return path
}
