import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ActorSystem, keyedRandom } from '@quorate/actors'
import { QuorateError } from '@quorate/protocol'
import { afterAll, describe, expect, test } from 'vitest'
import type { DiskError, DiskFile } from '../../src/storage/disk.ts'
import { createNodeDisk } from '../../src/storage/disk-node.ts'
import { dumpStorage } from '../../src/storage/dump.ts'
import { chainText } from '../../src/storage/entry-format.ts'
import { formatNode } from '../../src/storage/format.ts'
import { acquireDataLock, type DataLock, type LockOptions } from '../../src/storage/lock-node.ts'
import { openStorage, type Storage } from '../../src/storage/storage.ts'
import { makeRecords, metadata, testPlan } from './harness.ts'

const root = fs.mkdtempSync(join(tmpdir(), 'quorate-disk-'))
afterAll(() => fs.rmSync(root, { recursive: true, force: true }))

const call = <Result extends readonly unknown[]>(
  start: (done: (...result: Result) => void) => void,
): Promise<Result> => new Promise((resolve) => start((...result) => resolve(result)))

const filled = (length: number, value: number) => new Uint8Array(length).fill(value)

const modes: [string, { synchronousWrites: boolean }][] = [
  ['O_DSYNC writes', { synchronousWrites: process.platform === 'linux' }],
  ['writev and fdatasync', { synchronousWrites: false }],
]

describe.each(modes)('the real disk with %s', (name, options) => {
  const disk = createNodeDisk(options)
  const folder = join(root, name.replaceAll(' ', '-'))

  test('writes many pieces at a place and reads them back', async () => {
    disk.makeFolderSync(folder)
    const file = disk.openSync(`${folder}/a`, 'create')
    // More pieces than one system call takes.
    const pieces = Array.from({ length: 2500 }, (_, n) => filled(1 + (n % 7), n % 256))
    const all = Buffer.concat(pieces)
    for (const write of ['write', 'writeDurable'] as const) {
      const [error] = await call<[DiskError | undefined]>((done) => file[write](pieces, 100, done))
      expect(error).toBeUndefined()
      const into = new Uint8Array(all.byteLength + 50)
      const [readError, read] = await call<[DiskError | undefined, number]>((done) => {
        file.read(into, 100, done)
      })
      expect(readError).toBeUndefined()
      expect(read).toBe(all.byteLength)
      expect(Buffer.compare(into.subarray(0, read), all)).toBe(0)
    }
    expect((await call<[DiskError | undefined]>((done) => file.sync(done)))[0]).toBeUndefined()
    expect(file.sizeSync()).toBe(100 + all.byteLength)
    file.close()
  })

  test('names errors', async () => {
    const code = (run: () => unknown) => {
      try {
        run()
      } catch (error) {
        return (error as DiskError).code
      }
      return undefined
    }
    expect(code(() => disk.openSync(`${folder}/missing`, 'read'))).toBe('ENOENT')
    expect(code(() => disk.openSync(`${folder}/a`, 'create'))).toBe('EEXIST')
    expect(code(() => disk.makeFolderSync(folder))).toBe('EEXIST')
    expect(code(() => disk.removeSync(folder))).toBe('EEXIST')
    const [error] = await call<[DiskError | undefined, DiskFile]>((done) => {
      disk.open(`${folder}/missing`, 'write', done)
    })
    expect(error?.code).toBe('ENOENT')
  })

  test('renames, lists, removes and syncs folders', async () => {
    const none = async (start: (done: (error: DiskError | undefined) => void) => void) => {
      expect((await call<[DiskError | undefined]>(start))[0]).toBeUndefined()
    }
    await none((done) => disk.makeFolder(`${folder}/sub`, done))
    await none((done) => disk.rename(`${folder}/a`, `${folder}/sub/b`, done))
    await none((done) => disk.syncFolder(folder, done))
    expect(disk.listSync(folder)).toEqual(['sub'])
    expect(disk.existsSync(`${folder}/sub/b`)).toBe(true)
    await none((done) => disk.remove(`${folder}/sub/b`, done))
    await none((done) => disk.remove(`${folder}/sub`, done))
    expect(disk.listSync(`${folder}/nothing`)).toEqual([])
    const [error, bytes] = await call<[DiskError | undefined, number]>((done) => {
      disk.freeBytes(folder, done)
    })
    expect(error).toBeUndefined()
    expect(bytes).toBeGreaterThan(0)
  })
})

test.each(modes)(
  'a node with %s is formatted, written to, closed, dumped and opened again',
  async (name, options) => {
    const disk = createNodeDisk(options)
    const folder = join(root, name.replaceAll(' ', '-'))
    const data = `${folder}/n1`
    formatNode(disk, testPlan(), 'n1', data)
    const settings = { random: keyedRandom(name), walFileBytes: 1024 * 1024 }
    const host = realHost()
    let storage: Storage = openStorage(disk, data, settings).start(
      new ActorSystem({ name: 'n1', host, random: settings.random }),
      { failed: (error) => expect(error).toBeUndefined() },
    )
    const { log } = storage.groups.get(metadata)!
    const entries = makeRecords(log.base, 0, [10, 2000, 100_000, 5], 1)
    const request = { hardState: { term: 1, votedFor: 1 }, entries }
    expect(
      (await call<[Error?]>((done) => storage.persist(metadata, request, done)))[0],
    ).toBeUndefined()
    await call((done) => storage.close(done))

    const dump = dumpStorage(disk, data)
    const rows = [...dump.groups[0]!.rows]
    expect(dump.groups[0]).toMatchObject({ replicaId: 1, lastIndex: 4, term: 1, votedFor: 1 })
    expect(rows.map((row) => row.chain)).toEqual(entries.map((entry) => chainText(entry.chain)))
    expect(rows[1]).toMatchObject({ index: 2, type: 'records', baseOffset: 1, place: 'wal' })

    storage = openStorage(disk, data, settings).start(
      new ActorSystem({ name: 'n1', host, random: settings.random }),
      { failed: (error) => expect(error).toBeUndefined() },
    )
    expect(storage.groups.get(metadata)!.log.pointAt(4)?.chain).toEqual(entries[3]!.chain)
    await call((done) => storage.close(done))
  },
)

describe.each<[string, LockOptions]>([
  ['this platform', {}],
  ['platforms without abstract sockets', { abstractSocket: false }],
])('the data lock on %s', (name, options) => {
  const folder = join(root, `lock-${name.length}`)
  const acquire = () =>
    call<[QuorateError | undefined, DataLock | undefined]>((done) => {
      acquireDataLock(folder, done, options)
    })

  test('is held by one, named to the other, and free after its release', async () => {
    fs.mkdirSync(folder)
    const [error, lock] = await acquire()
    expect(error).toBeUndefined()
    expect(fs.readFileSync(`${folder}/pid`, 'utf8')).toBe(`${process.pid}\n`)
    const [refused] = await acquire()
    expect(refused).toMatchObject({ code: 'QUORATE_DATA_IN_USE' })
    expect(refused!.message).toContain(`pid ${process.pid}`)
    await call((done) => lock!.release(() => done()))
    expect(fs.existsSync(`${folder}/pid`)).toBe(false)
    const [, again] = await acquire()
    expect(again).toBeDefined()
    await call((done) => again!.release(() => done()))
  })

  test('of a folder that is not there says so', async () => {
    const [error] = await call<[QuorateError | undefined, DataLock | undefined]>((done) => {
      acquireDataLock(`${folder}/nothing`, done, options)
    })
    expect(error).toBeInstanceOf(QuorateError)
    expect(error!.code).toBe('QUORATE_DATA_NOT_FORMATTED')
  })

  test('left as a socket file by a dead process is taken over', async () => {
    if (options.abstractSocket !== false) return
    fs.writeFileSync(`${folder}/lock`, '')
    const [error, lock] = await acquire()
    expect(error).toBeUndefined()
    await call((done) => lock!.release(() => done()))
  })
})

function realHost() {
  return {
    monotonicMs: () => Math.floor(performance.now()),
    wallMs: () => Date.now(),
    setTimer: (fire: () => void, delayMs: number) => setTimeout(fire, delayMs),
    clearTimer: (handle: unknown) => clearTimeout(handle as NodeJS.Timeout),
    nextTurn: (run: () => void) => {
      setImmediate(run)
    },
  }
}
