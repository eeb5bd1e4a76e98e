// `quorate dev`: a local cluster of real node processes, so that they can be killed. It formats
// empty data, starts the nodes, says what to paste, and on a signal stops every node of its data
// folder. It restarts nothing by itself. Processes: dev-processes.ts; data: dev-data.ts.
import { resolve } from 'node:path'
import { closeDevData, type DevData, openDevData } from './dev-data.ts'
import { removeDevFile, writeDevFile } from './dev-file.ts'
import { type DevNode, DevProcesses } from './dev-processes.ts'
import { commandName, welcomeText } from './dev-text.ts'
import { choosePorts } from './ports.ts'
import { UsageError } from './usage-error.ts'

export interface DevOptions {
  readonly nodes?: string
  readonly data: string
  readonly port: string
  readonly httpPort: string
  readonly ephemeral?: boolean
}

const readyTimeoutMs = 60_000
/** npm passes Ctrl-C on to what it runs, which has had it from the terminal already. */
const sameSignalMs = 250

export async function runDev(options: DevOptions): Promise<void> {
  const ephemeral = options.ephemeral === true
  const nodes = nodeCount(options.nodes)
  const data = await openDevData(resolve(options.data), { nodes, ephemeral })
  const signals = new Signals()
  try {
    await runNodes(data, options, signals)
  } finally {
    signals.release()
    closeDevData(data, !ephemeral)
  }
}

export function nodeCount(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (['1', '3', '5'].includes(text)) return Number(text)
  throw new UsageError(`--nodes is 1, 3 or 5, not ${text}`)
}

async function runNodes(data: DevData, options: DevOptions, signals: Signals): Promise<void> {
  const { folder, clusterId } = data
  const nodes = await withPorts(data, options)
  const processes = new DevProcesses(nodes, (line) => process.stderr.write(`${line}\n`))
  signals.again = () => {
    process.exitCode = 1
    processes.kill()
  }
  await processes.start()
  try {
    removeDevFile(folder)
    const count = nodes.length === 1 ? 'one node' : `${nodes.length} nodes`
    process.stderr.write(`starting ${count} in ${folder}\n`)
    await Promise.race([processes.ready(readyTimeoutMs), signals.first])
    if (!signals.received) {
      writeDevFile(folder, { version: 1, clusterId, nodes: fileNodes(processes) })
      const command = commandName(import.meta.url, process.env)
      const ephemeral = options.ephemeral === true
      process.stdout.write(welcomeText({ nodes, folder, ephemeral, command }))
    }
    await signals.first
    process.stderr.write('\nstopping the nodes; Ctrl-C again kills them\n')
  } finally {
    removeDevFile(folder)
    await processes.stop()
  }
}

async function withPorts({ nodes }: DevData, options: DevOptions): Promise<DevNode[]> {
  const wanted = [
    { flag: '--port', text: options.port },
    { flag: '--http-port', text: options.httpPort },
  ]
  const [ports, httpPorts] = await choosePorts(wanted, nodes.length)
  return nodes.map(({ id, folder }, index) => ({
    id,
    data: folder,
    address: `127.0.0.1:${ports![index]}`,
    http: `127.0.0.1:${httpPorts![index]}`,
  }))
}

function fileNodes(processes: DevProcesses) {
  return processes.nodes.map((node) => ({
    id: node.id,
    pid: processes.pidOf(node.id),
    nats: `nats://${node.address}`,
    http: `http://${node.http}`,
    data: node.data,
    command: processes.commandOf(node),
  }))
}

/**
 * The first signal ends the run, the second one the patience. Waiting for the first one keeps this
 * process alive, also when every node has died.
 */
class Signals {
  received = false
  readonly #alive = setInterval(() => {}, 60_000)
  readonly first: Promise<void>
  again: () => void = () => {}

  constructor() {
    let firstMs = 0
    this.first = new Promise((resolveFirst) => {
      const receive = () => {
        if (!this.received) {
          this.received = true
          firstMs = performance.now()
          this.release()
          resolveFirst()
        } else if (performance.now() - firstMs > sameSignalMs) this.again()
      }
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, receive)
    })
  }

  release(): void {
    clearInterval(this.#alive)
  }
}
