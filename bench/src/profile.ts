// Where the time of a leader goes: its node runs under the sampling profiler of Node.js, and what
// the samples say is summed by function and by file.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from '@quorate/client'
import { PlannedCluster, temporaryFolder } from '@quorate/cluster-tests'

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      readonly lineNumber: number
    }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const shownFunctions = 35
const shownFiles = 20

/** A cluster whose nodes all write a profile when they end. */
export class ProfiledCluster {
  readonly cluster: PlannedCluster
  readonly #folder: string

  private constructor(cluster: PlannedCluster, folder: string) {
    this.cluster = cluster
    this.#folder = folder
  }

  static async start(): Promise<ProfiledCluster> {
    const folder = join(temporaryFolder('profile'), 'profiles')
    mkdirSync(folder, { recursive: true })
    const runtimeArguments = ['--cpu-prof', `--cpu-prof-dir=${folder}`]
    return new ProfiledCluster(await PlannedCluster.start({ runtimeArguments }), folder)
  }

  /** Ends the nodes and prints the profile of the one that leads partition 0. */
  async finish(client: Client, topic: string): Promise<void> {
    const { pid } = await this.cluster.leaderOf(client, topic, 0)
    await this.cluster.stopNodes()
    // CPU.<date>.<time>.<pid>.<thread>.<sequence>.cpuprofile
    const file = readdirSync(this.#folder).find((name) => name.split('.')[3] === String(pid))
    if (file === undefined) throw new Error(`no profile of process ${pid} in ${this.#folder}`)
    const path = join(this.#folder, file)
    process.stderr.write(
      `${profileText(JSON.parse(readFileSync(path, 'utf8')))}\nprofile: ${path}\n`,
    )
  }
}

/** Self time by function and by file, in percent of the time the process was not idle. */
export function profileText(profile: CpuProfile): string {
  const byId = new Map(profile.nodes.map((node) => [node.id, node.callFrame]))
  const functions = new Map<string, number>()
  const files = new Map<string, number>()
  let idle = 0
  let busy = 0
  for (const [index, id] of profile.samples.entries()) {
    const frame = byId.get(id)!
    const microseconds = profile.timeDeltas[index] ?? 0
    if (frame.functionName === '(idle)') {
      idle += microseconds
      continue
    }
    busy += microseconds
    const file = shortName(frame.url)
    const where = file === '' ? '' : `  ${file}:${frame.lineNumber + 1}`
    add(functions, `${frame.functionName || '(anonymous)'}${where}`, microseconds)
    add(files, file === '' ? frame.functionName || '(native)' : file, microseconds)
  }
  const share = (value: number) => `${((100 * value) / busy).toFixed(1).padStart(5)} %`
  const top = (sums: ReadonlyMap<string, number>, count: number) =>
    [...sums]
      .sort(([, left], [, right]) => right - left)
      .slice(0, count)
      .map(([name, value]) => `${share(value)}  ${name}`)
  const seconds = (microseconds: number) => `${(microseconds / 1e6).toFixed(1)} s`
  return [
    `busy ${seconds(busy)}, idle ${seconds(idle)}`,
    '',
    'self time by function',
    ...top(functions, shownFunctions),
    '',
    'self time by file',
    ...top(files, shownFiles),
  ].join('\n')
}

function shortName(url: string): string {
  if (url === '' || url.startsWith('node:')) return url
  return url
    .replace(/^file:\/\//, '')
    .replace(/^.*\/(?=(?:protocol|raft|actors|client|node)\/src\/)/, '')
}

function add(sums: Map<string, number>, name: string, value: number): void {
  sums.set(name, (sums.get(name) ?? 0) + value)
}
