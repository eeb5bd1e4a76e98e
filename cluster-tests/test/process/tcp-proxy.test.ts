// The proxy that faults of the network are made with: what it promises is what the tests that use
// it rely on.
import net from 'node:net'
import { TcpProxy, waitUntil } from 'quorate/laboratory'
import { expect, onTestFinished, test } from 'vitest'

test('passes bytes in both directions, and the end of either side', async () => {
  const { proxy, echo } = await proxyToEcho()
  const client = await connectTo(proxy)
  client.socket.write('one')
  await waitUntil('the echo came', () => client.received === 'one')
  client.socket.end()
  await waitUntil('both ends closed', () => client.closed && echo.connections === 0)
})

test('drops silently: nothing passes and nothing closes, and what waited arrives when it passes again', async () => {
  const { proxy, echo } = await proxyToEcho()
  const client = await connectTo(proxy)
  client.socket.write('before ')
  await waitUntil('the echo came', () => client.received === 'before ')
  await proxy.set('drop')
  client.socket.write('during ')
  const late = await connectTo(proxy)
  late.socket.write('late')
  // A round trip past the proxy is longer than one through it would have taken.
  await roundTripPast(echo.address)
  expect(client).toMatchObject({ received: 'before ', closed: false })
  expect(late).toMatchObject({ received: '', closed: false })
  expect(echo.received).not.toContain('during')

  await proxy.set('pass')
  await waitUntil('what waited arrived', () => client.received === 'before during ')
  await waitUntil('the late connection works', () => late.received === 'late')
})

test('an end that goes while it drops is not told to the other end before it passes again', async () => {
  const { proxy, echo } = await proxyToEcho()
  const client = await connectTo(proxy)
  client.socket.write('x')
  await waitUntil('the echo came', () => client.received === 'x')
  await proxy.set('drop')
  client.socket.destroy()
  await roundTripPast(echo.address)
  expect(echo.connections).toBe(1)
  await proxy.set('pass')
  await waitUntil('the other end closed', () => echo.connections === 0)
})

test('refuses: connections break, new ones are refused, and the address stays the same', async () => {
  const { proxy } = await proxyToEcho()
  const client = await connectTo(proxy)
  const { address } = proxy
  await proxy.set('refuse')
  await waitUntil('the connection broke', () => client.closed)
  await expect(connectTo(proxy)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await proxy.set('pass')
  expect(proxy.address).toBe(address)
  const again = await connectTo(proxy)
  again.socket.write('again')
  await waitUntil('the echo came', () => again.received === 'again')
})

test('slow, it delivers everything later and in order', async () => {
  const { proxy } = await proxyToEcho()
  const connection = await connectTo(proxy)
  const delays = [60, 5, 40]
  proxy.delay(() => delays.shift() ?? 0)
  const startMs = performance.now()
  connection.socket.write('first ')
  await waitUntil('the first piece is on its way', () => delays.length < 3)
  connection.socket.write('second')
  await waitUntil('the echo came', () => connection.received === 'first second')
  expect(performance.now() - startMs).toBeGreaterThan(60)
})

test('a reset breaks connections and takes new ones', async () => {
  const { proxy } = await proxyToEcho()
  const connection = await connectTo(proxy)
  connection.socket.write('before')
  await waitUntil('the echo came', () => connection.received === 'before')
  connection.socket.removeAllListeners('error').on('error', () => {})
  proxy.reset()
  await waitUntil('the connection broke', () => connection.closed)
  const again = await connectTo(proxy)
  again.socket.write('again')
  await waitUntil('the echo came', () => again.received === 'again')
})

interface Connection {
  readonly socket: net.Socket
  received: string
  closed: boolean
}

async function proxyToEcho() {
  const echo = await echoServer()
  const proxy = await TcpProxy.start(echo.address)
  onTestFinished(() => proxy.close())
  return { proxy, echo }
}

async function echoServer() {
  const echo = { address: '', received: '', connections: 0 }
  const server = net.createServer((socket) => {
    echo.connections += 1
    socket.on('data', (chunk) => {
      echo.received += chunk.toString()
      socket.write(chunk)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      echo.connections -= 1
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  echo.address = `127.0.0.1:${(server.address() as net.AddressInfo).port}`
  return echo
}

function connectTo({ address }: { readonly address: string }): Promise<Connection> {
  const { hostname, port } = new URL(`tcp://${address}`)
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: hostname, port: Number(port) })
    const connection: Connection = { socket, received: '', closed: false }
    onTestFinished(() => void socket.destroy())
    socket.on('data', (chunk) => {
      connection.received += chunk.toString()
    })
    socket.on('error', reject)
    socket.on('close', () => {
      connection.closed = true
    })
    socket.on('connect', () => resolve(connection))
  })
}

async function roundTripPast(address: string): Promise<void> {
  const direct = await connectTo({ address })
  direct.socket.write('direct')
  await waitUntil('the direct echo came', () => direct.received === 'direct')
  direct.socket.destroy()
  await waitUntil('the direct connection closed', () => direct.closed)
}
