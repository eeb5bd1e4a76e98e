// What a node is sent that it should not be, and what people start that should not start: each gets
// an error with a code that says what to do, a node that runs goes on running, and what was
// acknowledged before is there afterwards.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { type Client, topic } from '@quorate/client'
import { apiSubject, chunksOf, joinChunks, natsWriter } from '@quorate/protocol'
import { PlannedCluster, quorate, quorateScript, runCommand } from 'quorate/laboratory'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { DevCluster } from '../../src/process/dev-cluster.ts'
import { RawConnection } from '../../src/process/raw-connection.ts'
import { stoppedAfterwards } from './support.ts'

const before = Array.from({ length: 200 }, (_unused, index) => `record ${index}`)
const orders = topic('orders', { codec: 'text' })

let cluster: DevCluster
let client: Client
let pids: (number | undefined)[]

beforeAll(async () => {
  cluster = await DevCluster.start()
  client = await cluster.connect()
  await client.admin.createTopic('orders')
  const producer = client.producer()
  await Promise.all(before.map((value) => producer.send(orders, value)))
  await producer.close()
  pids = cluster.nodes.map(({ pid }) => pid)
})

afterAll(async () => {
  try {
    await expectUnharmed()
  } finally {
    await cluster.stop()
  }
})

/** The same processes, all ready, and every acknowledged record is there. */
async function expectUnharmed(): Promise<void> {
  expect(cluster.nodes.map(({ pid, running }) => running && pid)).toEqual(pids)
  for (const node of cluster.nodes) expect(await node.ready()).toBe(true)
  const read: string[] = []
  for await (const { value } of client.stream(orders, { until: 'end' })) read.push(value)
  expect(read.toSorted()).toEqual(before.toSorted())
}

describe('at the door', () => {
  const text = (value: string) => new TextEncoder().encode(value)
  const noise = Uint8Array.from({ length: 4096 }, (_unused, index) => (index * 7919 + 13) % 256)

  test.for<[name: string, bytes: Uint8Array, answer: RegExp]>([
    [
      'a request of another protocol',
      text('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      /Unknown Protocol/,
    ],
    ['noise', Uint8Array.of(...noise, 10), /Unknown Protocol/],
    ['the beginning of TLS', Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 10), /Unknown Protocol/],
    ['a line without end', new Uint8Array(64 * 1024).fill(0x41), /Maximum Control Line|Unknown/],
    [
      'a size that is none',
      text('CONNECT {}\r\nPUB a -5\r\n\r\n'),
      /Unknown Protocol|Parser Error/,
    ],
    ['options that are no JSON', text('CONNECT {nonsense\r\n'), /Unknown Protocol|Parser Error/],
    ['a payload longer than it says', text('CONNECT {}\r\nPUB a 2\r\nhello\r\n'), /Unknown|Parser/],
    ['a payload above the limit', text('CONNECT {}\r\nPUB a 99999999\r\n'), /Maximum Payload/],
  ])(
    '%s is answered with an error and the end of that connection',
    async ([_name, bytes, answer]) => {
      expect(await talk(cluster.nodes[0]!.address, bytes)).toMatch(answer)
    },
  )

  test('a forged handshake of a node is refused', async () => {
    const forged = {
      verbose: false,
      quorate_mesh: { version: 1, cluster: cluster.clusterId, node: 'n2', proof: '00'.repeat(32) },
    }
    const said = await talk(cluster.nodes[0]!.address, natsWriter.connect(forged))
    expect(said).toMatch(/-ERR 'QUORATE_[A-Z_]+/)
  })

  test('frames of the mesh from a client are a permissions violation, and the connection goes on', async () => {
    const connection = await RawConnection.connect(cluster.nodes[0]!.address)
    const subjects = ['$Q.mesh.n1', '$Q.mesh.n2', '$Q.mesh.nobody']
    for (const subject of subjects) connection.publish(subject, chunksOf(noise))
    connection.write(natsWriter.sub('$Q.mesh.>', undefined, '7'))
    const reply = await connection.request(apiSubject('list'))
    expect(JSON.parse(new TextDecoder().decode(joinChunks(reply.payload)))).toHaveProperty('topics')
    expect(connection.errors.filter((each) => /permissions violation/i.test(each))).toHaveLength(
      subjects.length + 1,
    )
    connection.close()
  })

  test.for<[subject: string, body: Uint8Array, code: string]>([
    ['$Q.1.create.other', text('{"partitions": "many"}'), 'QUORATE_INVALID_REQUEST'],
    ['$Q.1.create.other', text('no JSON'), 'QUORATE_INVALID_REQUEST'],
    ['$Q.1.create.other', text('{"partitions": 100000}'), 'QUORATE_INVALID_ARGUMENT'],
    ['$Q.1.create.other', text('{"replicas": 5}'), 'QUORATE_NOT_ENOUGH_NODES'],
    ['$Q.1.create.orders', text('{}'), 'QUORATE_TOPIC_EXISTS'],
    ['$Q.1.create.a%b', text('{}'), 'QUORATE_INVALID_TOPIC'],
    ['$Q.1.delete.nothing', text(''), 'QUORATE_UNKNOWN_TOPIC'],
    ['$Q.1.describe.nothing', text(''), 'QUORATE_UNKNOWN_TOPIC'],
    ['$Q.1.offsets.orders', text('{"partition": 77, "at": "latest"}'), 'QUORATE_INVALID_ARGUMENT'],
    ['$Q.1.leader', text('{"topicId": -1}'), 'QUORATE_INVALID_REQUEST'],
    ['$Q.9.list', text(''), 'QUORATE_UNKNOWN_SUBJECT'],
    ['$Q.1.write', noise, 'QUORATE_INVALID_REQUEST'],
    ['$Q.1.fetch', noise, 'QUORATE_INVALID_REQUEST'],
  ])('%s with a wrong body is answered with a code', async ([subject, body, code]) => {
    const connection = await RawConnection.connect(cluster.nodes[1]!.address)
    const reply = await connection.request(subject, chunksOf(body))
    connection.close()
    const answered = new TextDecoder('latin1').decode(joinChunks(reply.payload))
    const headers = new TextDecoder('latin1').decode(reply.headers)
    expect(`${headers}${answered}`).toContain(code)
  })

  test('a record above the limit is refused before it is sent, and one below it is stored', async () => {
    const producer = client.producer()
    const big = topic('big', { codec: 'bytes' })
    const refused = producer.send(big, new Uint8Array(2 * 1024 * 1024))
    await expect(refused).rejects.toMatchObject({
      code: 'QUORATE_RECORD_TOO_LARGE',
      outcome: 'not-applied',
    })
    await expect(producer.send(big, new Uint8Array(900 * 1024))).resolves.toMatchObject({
      offset: 0,
    })
    await producer.close()
  })

  test('a batch with a wrong checksum is refused and nothing of it is stored', async () => {
    const { topicId } = await client.admin.createTopic('checked', { partitions: 1 })
    const leader = await cluster.leaderOf(client, 'checked', 0)
    const connection = await RawConnection.connect(leader.address)
    const result = await new Promise((resolve) => {
      const item = { topicId, partition: 0, batch: chunksOf(new Uint8Array(200).fill(2)) }
      connection.writeBatches([item], (results) => resolve(results?.[0]))
    })
    connection.close()
    expect(result).toMatchObject({ error: 'QUORATE_CORRUPT_BATCH' })
    expect(await client.admin.offsets('checked', { at: 'latest' })).toEqual([
      { partition: 0, offset: 0 },
    ])
  })

  test('reading a topic that is not there says so', async () => {
    const reading = client.stream(topic('nothing')).next()
    await expect(reading).rejects.toMatchObject({ code: 'QUORATE_UNKNOWN_TOPIC' })
  })
})

describe('at the command line', () => {
  const cases: readonly [args: string[], text: RegExp][] = [
    [['dev', '--nodes', '2'], /--nodes/],
    [['dev', '--port', 'many'], /--port/],
    [['topic', 'create', 'x', '--partitions', '0'], /--partitions/],
    [['topic', 'create', '..'], /QUORATE_INVALID_TOPIC/],
    [['topic', 'create'], /topic/],
    [['server', 'start'], /--data/],
    [['server', 'start', '--data', '/nowhere', '--heartbeat-ms', '5'], /--heartbeat-ms/],
    [['server', 'start', '--data', '/nowhere', '--peer', 'n2'], /--peer/],
    [['server', 'format'], /--new-plan/],
    [['produce', 'x', '--partition', '-1'], /--partition/],
    [['consume', 'x', '-o', 'table'], /-o/],
    [['consume', 'x', '--from', '5'], /--partition/],
    [['nonsense'], /nonsense/],
    [['topic', 'ls', '--nonsense'], /--nonsense/],
  ]
  test.for(cases)('%j is a usage error', async ([args, text]) => {
    const { exitCode, stdout, stderr } = await quorate(args)
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toMatch(text)
    expect(stderr).not.toMatch(/^\s+at /m)
  })

  test('an unknown topic is named, with the command that lists those there are', async () => {
    const server = ['--server', `nats://${cluster.nodes[2]!.address}`]
    for (const args of [
      ['consume', 'nothing'],
      ['topic', 'describe', 'nothing'],
      ['topic', 'rm', 'nothing', '--yes'],
    ]) {
      const { exitCode, stderr } = await quorate([...args, ...server])
      expect(exitCode).toBe(1)
      expect(stderr).toMatch(/QUORATE_UNKNOWN_TOPIC.*\n.*next: quorate topic/s)
    }
  })

  test('a cluster that is not there is a connection error', async () => {
    const { exitCode, stderr } = await quorate(['topic', 'ls', '--server', 'nats://127.0.0.1:1'])
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('QUORATE_CONNECTION_FAILED'),
    })
  })
})

describe('at the start of a node', () => {
  test('a second process on the same data is refused and names the first', async () => {
    const [node] = cluster.nodes
    const [file, ...args] = node!.command
    // Other ports, so that the data are what is in its way.
    const again = args.map((arg) =>
      arg === node!.address || arg === node!.http ? '127.0.0.1:0' : arg,
    )
    const { exitCode, stderr } = await runCommand(file!, again)
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/QUORATE_DATA_IN_USE/)
    expect(stderr).toContain(String(node!.pid))
  })

  test('a folder that is empty, missing, foreign or no folder is refused by name', async () => {
    const folder = join(cluster.folder, 'folders')
    for (const name of ['empty', 'foreign', 'half'])
      mkdirSync(join(folder, name), { recursive: true })
    writeFileSync(join(folder, 'foreign', 'photo.jpg'), 'x')
    writeFileSync(join(folder, 'half', 'identity.json'), '{"formatVersion":')
    writeFileSync(join(folder, 'file'), 'x')
    for (const [name, code] of [
      ['empty', /QUORATE_DATA_NOT_FORMATTED/],
      ['missing', /QUORATE_DATA_NOT_FORMATTED/],
      ['foreign', /QUORATE_DATA_FOREIGN/],
      ['half', /QUORATE_(?:DATA_FOREIGN|STORAGE_DAMAGED)/],
      ['file', /QUORATE_DATA_FOREIGN/],
    ] as const) {
      const { exitCode, stderr } = await startIn(join(folder, name))
      expect({ name, exitCode, stderr }).toEqual({
        name,
        exitCode: 1,
        stderr: expect.stringMatching(code),
      })
    }
    const dev = await quorate(['dev', '--data', join(folder, 'foreign'), '--port', '0'])
    expect(dev).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('QUORATE_DATA_FOREIGN'),
    })
  })

  test('a port that is taken is named', async () => {
    const other = stoppedAfterwards(await PlannedCluster.format({ nodes: 1 }))
    const taken = await listeningPort()
    for (const flag of ['--listen', '--http']) {
      const { exitCode, stderr } = await startIn(other.nodes[0]!.data, flag, `127.0.0.1:${taken}`)
      expect(exitCode).toBe(1)
      expect(stderr).toMatch(/QUORATE_PORT_IN_USE/)
      expect(stderr).toContain(String(taken))
    }
    const dev = await quorate(['dev', '--data', join(other.folder, 'dev'), '--port', String(taken)])
    expect(dev).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('QUORATE_PORT_IN_USE'),
    })
  })

  test('an address others can reach is refused without --insecure', async () => {
    const other = stoppedAfterwards(await PlannedCluster.format({ nodes: 1 }))
    const { exitCode, stderr } = await startIn(other.nodes[0]!.data, '--listen', '0.0.0.0:0')
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: expect.stringContaining('QUORATE_INSECURE_BIND'),
    })
  })

  test('a node of another cluster is kept out, on both sides', async () => {
    const other = stoppedAfterwards(await PlannedCluster.format())
    const stranger = other.nodes[0]!
    const [first, second] = cluster.nodes
    const [file, ...args] = stranger.command
    const start = args.slice(0, args.indexOf('--peer'))
    const peers = ['--peer', `n2=${first!.address}`, '--peer', `n3=${second!.address}`]
    const running = runCommand(file!, [...start, ...peers], { timeoutMs: 30_000 })
    await cluster.waitUntil('the stranger was refused', () =>
      cluster.nodes.some((node) =>
        node.events().some((event) => JSON.stringify(event).includes('QUORATE_WRONG_CLUSTER')),
      ),
    )
    expect((await fetch(`http://${stranger.http}/readyz`)).status).toBe(503)
    process.kill(Number(readFileSync(join(stranger.data, 'pid'), 'utf8')), 'SIGTERM')
    expect((await running).stderr).toContain('QUORATE_WRONG_CLUSTER')
    await expectUnharmed()
  })
})

function startIn(data: string, ...args: string[]) {
  const ports = ['--listen', '127.0.0.1:0', '--http', '127.0.0.1:0']
  const given = ports.filter((_value, index) => !args.includes(ports[index - (index % 2)]!))
  return runCommand(process.execPath, [
    quorateScript,
    'server',
    'start',
    '--data',
    data,
    ...given,
    ...args,
  ])
}

async function listeningPort(): Promise<number> {
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as net.AddressInfo).port
}

/** Sends bytes and gives back what the node said until it closed the connection. */
function talk(address: string, bytes: Uint8Array): Promise<string> {
  const { hostname, port } = new URL(`tcp://${address}`)
  return new Promise((resolve, reject) => {
    let said = ''
    const socket = net.connect({ host: hostname, port: Number(port) })
    socket.setTimeout(10_000, () => reject(new Error(`not closed; said: ${said}`)))
    socket.on('data', (chunk) => {
      if (said === '') socket.write(bytes)
      said += chunk.toString('latin1')
    })
    // A connection that is closed while bytes are under way is reset.
    socket.on('error', () => {})
    socket.on('close', () => resolve(said))
  })
}
