// TCP ports on loopback for the nodes of a local cluster: the ones asked for, or free ones.
import net from 'node:net'
import { QuorateError } from '@quorate/protocol'
import { wholeNumber } from './arguments.ts'
import { freePorts } from './free-ports.ts'
import { UsageError } from './usage-error.ts'

export interface PortOption {
  readonly flag: string
  /** The first of consecutive ports; 0: any free ones. */
  readonly text: string
}

/** For each option as many ports as there are nodes. Throws QUORATE_PORT_IN_USE. */
export async function choosePorts(
  options: readonly PortOption[],
  count: number,
): Promise<number[][]> {
  const wanted = options.map(({ flag, text }) => {
    const first = wholeNumber(flag, text, 0, 65_536 - count)
    return first === 0 ? undefined : Array.from({ length: count }, (_, index) => first + index)
  })
  const all = wanted.flatMap((ports) => ports ?? [])
  if (new Set(all).size !== all.length) {
    const flags = options.map(({ flag, text }) => `${flag} ${text}`).join(' and ')
    throw new UsageError(`${flags} overlap: each takes ${count} consecutive ports`)
  }
  for (const [index, ports] of wanted.entries()) await check(options[index]!, ports ?? [])
  const free = await freePorts(wanted.filter((ports) => ports === undefined).length * count)
  return wanted.map((ports) => ports ?? free.splice(0, count))
}

async function check({ flag, text }: PortOption, ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    const server = await listen(port)
    if (server instanceof net.Server) await close(server)
    else if (server.code === 'EADDRINUSE') {
      throw new QuorateError('QUORATE_PORT_IN_USE', `127.0.0.1:${port} (${flag} ${text})`)
    } else {
      const detail = `${flag} ${text}: port ${port}`
      throw new QuorateError('QUORATE_INVALID_ARGUMENT', detail, { cause: server })
    }
  }
}

function listen(port: number): Promise<net.Server | NodeJS.ErrnoException> {
  return new Promise((resolve) => {
    const server = net.createServer()
    server.once('error', resolve)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}

function close(server: net.Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}
