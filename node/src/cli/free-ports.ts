// Free TCP ports on loopback, for nodes whose addresses others must know before they start. Never
// ports of the range that the system hands out by itself: one of those may be taken by any outgoing
// connection, or any listener on port 0, while its node is not yet up or is down for a while.
import { randomInt } from 'node:crypto'
import net from 'node:net'

/** Linux hands out ports from 32,768 on, macOS and Windows from 49,152 on. */
const firstPort = 10_000
const endPort = 32_768
const attemptsMax = 1_000

/** Different ports that nobody listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  for (let attempt = 0; attempt < attemptsMax && ports.size < count; attempt += 1) {
    const port = randomInt(firstPort, endPort)
    if (!ports.has(port) && (await isFree(port))) ports.add(port)
  }
  if (ports.size < count) throw new Error(`found ${ports.size} of ${count} free ports`)
  return [...ports]
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
