// A disk that really runs full, or down to the reserve: a node whose data lie on a small file system
// in memory. Mounting one needs root.
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Client, topic } from '@quorate/client'
import { apiSubject, chunksOf, joinChunks } from '@quorate/protocol'
import { PlannedCluster, temporaryFolder } from 'quorate/laboratory'
import { expect, onTestFinished, test } from 'vitest'
import { RawConnection } from '../../src/process/raw-connection.ts'
import { stoppedAfterwards } from './support.ts'

const mebibyte = 1024 * 1024
const valueBytes = 256 * 1024

const canMount = process.platform === 'linux' && process.getuid?.() === 0
if (!canMount) process.stderr.write('SKIPPED 1: mounting a small file system needs root on Linux\n')

interface ProduceAnswer {
  readonly offset?: number
  readonly error?: { readonly code: string; readonly outcome: string }
}

test.skipIf(!canMount)(
  'on a full disk produce is refused as not applied, reads go on, and with new space everything goes on, nothing acknowledged is lost',
  async () => {
    await fillAndFree({ diskBytes: 320 * mebibyte, ballastBytes: 64 * mebibyte, reserveBytes: 0 })
  },
)

test.skipIf(!canMount)(
  'below the reserve produce is refused while there is room for everything else',
  async () => {
    const reserveBytes = 160 * mebibyte
    // With the quarter of the reserve that is left at least, it is what the node asks for to go on.
    const ballastBytes = reserveBytes
    const setting = { diskBytes: 544 * mebibyte, ballastBytes, reserveBytes }
    await fillAndFree(setting, async (disk, client) => {
      const { bavail, bsize } = statfsSync(disk)
      expect(bavail * bsize).toBeGreaterThan(reserveBytes / 4)
      expect(bavail * bsize).toBeLessThan(reserveBytes)
      await client.admin.createTopic('invoices', { partitions: 8, replicas: 1 })
    })
  },
)

test.skipIf(!canMount)(
  'a start on a disk without any room says that the disk is full',
  async () => {
    const disk = smallDisk(8 * mebibyte)
    const folder = temporaryFolder('full')
    const dataOf = () => join(disk, 'n1')
    const cluster = stoppedAfterwards(await PlannedCluster.format({ nodes: 1, folder, dataOf }))
    const filler = join(disk, 'filler')
    expect(() => writeFileSync(filler, new Uint8Array(9 * mebibyte))).toThrow('ENOSPC')
    const [node] = cluster.nodes
    node!.start()
    await node!.ended()
    expect(node!.lastWords()).toMatch(/^QUORATE_DISK_FULL/)
  },
)

interface Setting {
  readonly diskBytes: number
  /** What an operator finds to remove. */
  readonly ballastBytes: number
  readonly reserveBytes: number
}

async function fillAndFree(
  { diskBytes, ballastBytes, reserveBytes }: Setting,
  whileRefusing?: (disk: string, client: Client) => Promise<void>,
): Promise<void> {
  const disk = smallDisk(diskBytes)
  const ballast = join(disk, 'ballast')
  writeFileSync(ballast, new Uint8Array(ballastBytes))
  const cluster = stoppedAfterwards(
    await PlannedCluster.start({
      nodes: 1,
      folder: join(disk, 'cluster'),
      arguments: ['--disk-reserve-bytes', String(reserveBytes)],
    }),
  )
  const [node] = cluster.nodes
  const client = await cluster.connect()
  await client.admin.createTopic('orders', { partitions: 1, replicas: 1 })
  const connection = await RawConnection.connect(node!.address)
  const acknowledged: number[] = []
  const produce = async (): Promise<ProduceAnswer> => {
    const value = new Uint8Array(valueBytes)
    new DataView(value.buffer).setUint32(0, acknowledged.length)
    const reply = await connection.request(apiSubject('produce', 'orders'), chunksOf(value))
    const answer = JSON.parse(new TextDecoder().decode(joinChunks(reply.payload)))
    if (answer.error === undefined) acknowledged.push(answer.offset)
    return answer
  }

  const refused = await untilRefused(produce, (2 * diskBytes) / valueBytes)
  expect(refused).toMatchObject({ code: 'QUORATE_DISK_FULL', outcome: 'not-applied' })
  expect(acknowledged.length).toBeGreaterThan(100)
  expect(await numbersIn(client)).toEqual([...acknowledged.keys()])
  const { nodes } = await client.admin.clusterStatus()
  expect(nodes).toMatchObject([{ node: 'n1', up: true, refusing: 'QUORATE_DISK_FULL' }])
  await whileRefusing?.(disk, client)

  rmSync(ballast)
  await cluster.waitUntil('produce goes on', async () => {
    const { error } = await produce()
    if (error !== undefined) throw new Error(error.code)
    return true
  })
  expect(await numbersIn(client)).toEqual([...acknowledged.keys()])

  await node!.kill('SIGKILL')
  await cluster.restart(node!.id)
  expect(await numbersIn(client)).toEqual([...acknowledged.keys()])
  expect(acknowledged).toEqual([...acknowledged.keys()])
  connection.close()
}

/** The error that tells that the disk is full. What is acknowledged before stays. */
async function untilRefused(
  produce: () => Promise<ProduceAnswer>,
  countMax: number,
): Promise<ProduceAnswer['error']> {
  for (let count = 0; count < countMax; count++) {
    const { error } = await produce()
    if (error !== undefined) return error
  }
  return undefined
}

/** The number each record carries, in the order of the log. */
async function numbersIn(client: Client): Promise<number[]> {
  const numbers: number[] = []
  const stream = client.stream(topic('orders', { codec: 'bytes' }), { until: 'end' })
  for await (const { value } of stream) {
    numbers.push(new DataView(value.buffer, value.byteOffset).getUint32(0))
  }
  return numbers
}

function smallDisk(diskBytes: number): string {
  const folder = temporaryFolder('disk')
  const disk = join(folder, 'disk')
  mkdirSync(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'none', disk])
  onTestFinished(() => {
    execFileSync('umount', [disk])
    rmSync(folder, { recursive: true })
  })
  return disk
}
