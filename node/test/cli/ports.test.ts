import net from 'node:net'
import { describe, expect, test } from 'vitest'
import { choosePorts } from '../../src/cli/ports.ts'
import { UsageError } from '../../src/cli/usage-error.ts'

const ask = (port: string, httpPort: string, count = 3) =>
  choosePorts(
    [
      { flag: '--port', text: port },
      { flag: '--http-port', text: httpPort },
    ],
    count,
  )

/** Runs with a port that is taken. */
async function withTaken(run: (port: number) => Promise<void>): Promise<void> {
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await run((server.address() as net.AddressInfo).port)
  } finally {
    server.close()
  }
}

describe('ports of a local cluster', () => {
  // An outgoing connection of anybody may take a port of the range that the system hands out while
  // the node that was given it is not yet up, or is down.
  test('are different where any will do, and the system hands none of them out by itself', async () => {
    const ports = (await ask('0', '0', 5)).flat()
    expect(new Set(ports).size).toBe(10)
    for (const port of ports) {
      expect(port).toBeGreaterThan(1023)
      expect(port).toBeLessThan(32_768)
    }
  })

  test('follow on the first one', async () => {
    // Of no range that anything hands out.
    expect((await ask('9500', '0'))[0]).toEqual([9500, 9501, 9502])
  })

  test('in use are refused, and the error names the port and the option', async () => {
    await withTaken(async (taken) => {
      await expect(ask(String(taken), '0', 1)).rejects.toMatchObject({
        code: 'QUORATE_PORT_IN_USE',
        detail: `127.0.0.1:${taken} (--port ${taken})`,
      })
      await expect(ask('0', String(taken), 1)).rejects.toMatchObject({
        detail: `127.0.0.1:${taken} (--http-port ${taken})`,
      })
    })
  })

  test.each([
    ['4222', '4224', '--port 4222 and --http-port 4224 overlap'],
    ['x', '0', '--port is a whole number'],
    ['65534', '0', '--port is a whole number from 0 to 65533'],
  ])('%s and %s are a usage error', async (port, httpPort, words) => {
    const asked = ask(port, httpPort)
    await expect(asked).rejects.toBeInstanceOf(UsageError)
    await expect(asked).rejects.toThrow(words)
  })
})
