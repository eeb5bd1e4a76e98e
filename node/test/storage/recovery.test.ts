import { describe, expect, test } from 'vitest'
import type { Disk } from '../../src/storage/disk.ts'
import type { LogEntry } from '../../src/storage/log-entry.ts'
import { walPath } from '../../src/storage/wal-file.ts'
import { blockBytes } from '../../src/storage/wal-format.ts'
import { folder, makeRecords, metadata, TestNode } from './harness.ts'

const indexes = (entries: readonly LogEntry[]) => entries.map((entry) => entry.index)

/** Overwrites bytes of a stopped node's file; what it changes counts as synced. */
function overwrite(disk: Disk, path: string, position: number, bytes: Uint8Array): void {
  const file = disk.openSync(path, 'write')
  file.writeSync(bytes, position)
  file.syncSync()
  file.close()
}

function bytesOf(disk: Disk, path: string, from: number, length: number): Uint8Array {
  const file = disk.openSync(path, 'read')
  const bytes = new Uint8Array(length)
  file.readSync(bytes, from)
  file.close()
  return bytes
}

/** A node stopped by a kill, with batches of one entry each; no idle time, so no seal. */
function stopped(name: string, sizes: readonly number[]): TestNode {
  const node = new TestNode(name).open()
  for (const size of sizes) node.append([size], 1)
  return node.crash('kill')
}

function batchesOf(node: TestNode): { position: number; sizeBytes: number }[] {
  const disk = node.disk.process()
  const found: { position: number; sizeBytes: number }[] = []
  let position = blockBytes
  for (;;) {
    const block = bytesOf(disk, walPath(folder, 1), position, blockBytes)
    const view = new DataView(block.buffer)
    if (view.getUint32(0) !== 0x5142_4154) return found
    const payloadBlocks = Math.ceil(view.getUint32(32) / blockBytes)
    const sizeBytes = (view.getUint16(8) + payloadBlocks) * blockBytes
    found.push({ position, sizeBytes })
    position += sizeBytes
  }
}

describe('a last batch that is cut', () => {
  test('at any sector is dropped whole, and nothing before it', () => {
    for (let sector = 0; sector < 24; sector += 1) {
      const node = stopped(`cut-${sector}`, [100, 200, 5000])
      const [, , last] = batchesOf(node)
      const from = last!.position + sector * 512
      const length = last!.position + last!.sizeBytes - from
      if (length <= 0) break
      const disk = node.disk.process()
      const before = bytesOf(disk, walPath(folder, 1), from, length)
      overwrite(disk, walPath(folder, 1), from, new Uint8Array(length))
      const undecided = holesOf(node.open())
      node.dropUndecided()
      // Cut behind its last byte it is whole: only padding is missing.
      const whole = before.every((byte) => byte === 0)
      expect(indexes(node.readAll())).toEqual(whole ? [1, 2, 3] : [1, 2])
      const isTorn = node.events.some(({ event }) => event === 'wal.tail-dropped')
      if (!whole && sector > 0) expect(isTorn || undecided.length > 0).toBe(true)
      if (undecided.length > 0) expect(undecided).toEqual([[3, 3, 'begun', 'wal']])
    }
  })

  test('is replaced by what is written after it, also when its rest comes to light again', () => {
    const node = stopped('ghost', [100, 200, 300])
    const [, , last] = batchesOf(node)
    const disk = node.disk.process()
    const path = walPath(folder, 1)
    const original = bytesOf(disk, path, last!.position, last!.sizeBytes)
    overwrite(disk, path, last!.position + 512, new Uint8Array(last!.sizeBytes - 512))
    node.open().dropUndecided()
    const fresh = node.append([400], 2)
    node.crash('kill')
    overwrite(node.disk.process(), path, last!.position, original)
    node.open()
    expect(node.readAll().map((entry) => entry.term)).toEqual([1, 1, 2])
    expect(node.log().pointAt(3)?.chain).toEqual(fresh[0]!.chain)
  })
})

const holesOf = (node: TestNode) =>
  node
    .log()
    .holes()
    .map(({ firstIndex, lastIndex, evidence, where }) => [firstIndex, lastIndex, evidence, where])

describe('an unreadable batch with evidence that it was synced', () => {
  test('is read by the copy of its directory in the next batch', () => {
    const node = stopped('damage', [100, 200, 300])
    const [, second] = batchesOf(node)
    overwrite(node.disk.process(), walPath(folder, 1), second!.position + 20, new Uint8Array([255]))
    expect(indexes(node.open().readAll())).toEqual([1, 2, 3])
    expect(holesOf(node)).toEqual([])
  })

  test('in its payload is a hole, and what stands around it is there', () => {
    const node = stopped('payload', [100, 900, 300])
    const [, second] = batchesOf(node)
    const at = second!.position + blockBytes + 600
    overwrite(node.disk.process(), walPath(folder, 1), at, new Uint8Array([255, 254]))
    node.open()
    expect(holesOf(node)).toEqual([[2, 2, 'synced', 'wal']])
    expect(node.log().cleanThrough).toBe(1)
    expect(node.log().lastIndex).toBe(3)
    const read = (index: number) =>
      node.wait<[{ code: string; message: string } | undefined, unknown, readonly LogEntry[]]>(
        (done) => node.log().read({ index }, { index: 3, bytes: 10_000 }, done),
      )
    expect(indexes(read(1)[2])).toEqual([1])
    expect(read(2)[0]).toMatchObject({ code: 'QUORATE_STORAGE_DAMAGED' })
    expect(read(2)[0]!.message).toContain(walPath(folder, 1))
    expect(indexes(read(3)[2])).toEqual([3])
  })

  test('is told from a torn write by a seal alone', () => {
    const node = new TestNode('sealed').open()
    node.append([100], 1)
    node.run(50)
    node.crash('kill')
    const [only] = batchesOf(node)
    const at = only!.position + blockBytes + 70
    overwrite(node.disk.process(), walPath(folder, 1), at, new Uint8Array([9]))
    node.open()
    expect(holesOf(node)).toEqual([[1, 1, 'synced', 'wal']])
  })

  test('stays a hole over every later crash, whatever was written since', () => {
    const node = stopped('stays', [100, 900, 300])
    const [, second] = batchesOf(node)
    const at = second!.position + blockBytes + 600
    overwrite(node.disk.process(), walPath(folder, 1), at, new Uint8Array([255, 254]))
    for (const kind of ['power', 'kill', 'power'] as const) {
      node.open()
      expect(holesOf(node)).toEqual([[2, 2, 'synced', 'wal']])
      node.append([50], 1)
      node.crash(kind)
    }
    expect(node.open().log().lastIndex).toBe(6)
  })
})

describe('a last batch of which only the directory is whole', () => {
  function torn(name: string): TestNode {
    const node = new TestNode(name).open()
    for (const size of [100, 200, 300]) node.append([size], 1)
    node.crash('kill')
    const [, , last] = batchesOf(node)
    const at = last!.position + blockBytes + 100
    overwrite(node.disk.process(), walPath(folder, 1), at, new Uint8Array([9, 9]))
    return node.open()
  }

  test('is an undecided hole, and does not become proven by what is written after it', () => {
    const node = torn('undecided')
    for (let life = 0; life < 3; life += 1) {
      expect(holesOf(node)).toEqual([[3, 3, 'begun', 'wal']])
      node.append([50], 1)
      node.run(30)
      node.crash(life === 1 ? 'kill' : 'power').open()
    }
    expect(node.log().lastIndex).toBe(6)
  })

  test('goes with a truncation', () => {
    const node = torn('undecided-cut')
    node.wait<[Error?]>((done) => {
      node.storage.persist(metadata, { truncateAfter: 2, entries: [] }, done)
    })
    expect(holesOf(node)).toEqual([])
    node.append([10, 20], 1)
    expect(indexes(node.crash('power').open().readAll())).toEqual([1, 2, 3, 4])
  })
})

describe('a recycled WAL file', () => {
  test('shows nothing of its earlier content', () => {
    const node = new TestNode('recycled').open()
    const all: LogEntry[] = []
    // Enough to fill each 64 KiB file several times over, so that files come round again.
    for (let round = 0; round < 60; round += 1) {
      all.push(...node.append([3000, 100], 1))
      node.log().commit(all.at(-1)!.index)
      if (round % 9 === 0) node.run(60)
    }
    const names = node.disk.process().listSync(`${folder}/wal`)
    expect(names.length).toBeLessThan(8)
    expect(names.at(-1)! > 'wal-0000000006').toBe(true)
    node.crash('power').open()
    expect(indexes(node.readAll())).toEqual(indexes(all))
    node.append([10], 2)
    node.crash('kill').open()
    expect(node.log().lastIndex).toBe(all.length + 1)
  })
})

describe('files that must be there', () => {
  test('and cannot be replaced stop the node by name', () => {
    const breakers: [string, string[], RegExp][] = [
      [
        'manifest',
        ['manifest.A', 'manifest.B'],
        /manifest.A and .*manifest.B: neither is readable/,
      ],
      ['identity', ['identity', 'wal/identity'], /both copies of the identity are missing/],
      ['secret', ['secret', 'wal/secret'], /secret and .*secret: neither holds a secret/],
    ]
    for (const [name, files, message] of breakers) {
      const node = stopped(`missing-${name}`, [10])
      for (const file of files) node.disk.process().removeSync(`${folder}/${file}`)
      expect(() => node.open(), name).toThrow(message)
    }
  })

  test('and are there twice are made again from each other', () => {
    for (const file of ['identity', 'wal/identity', 'secret', 'wal/secret', 'hard.A', 'hard.B']) {
      const node = stopped(`twice-${file}`, [10])
      node.disk.process().removeSync(`${folder}/${file}`)
      expect(indexes(node.open().readAll()), file).toEqual([1])
      expect(node.opened.damage).toContainEqual(
        expect.objectContaining({ state: 'repaired', file: `${folder}/${file}` }),
      )
      node.append([10], 1)
      expect(indexes(node.crash('power').open().readAll())).toEqual([1, 2])
      expect(node.opened.damage).toEqual([])
    }
  })

  test('a lost WAL file makes tails unknown, once', () => {
    const node = stopped('lost-wal', [10])
    node.disk.process().removeSync(walPath(folder, 1))
    node.open()
    expect(node.opened.groups.get(metadata)!.condition).toBe('unknown-tail')
    expect(node.log().lastIndex).toBe(0)
    node.append([10, 20], 3)
    expect(node.crash('power').open().opened.groups.get(metadata)!.condition).toBe('unknown-tail')
    node.wait<[Error?]>((done) => node.storage.setTailKnown(metadata, done))
    node.crash('power').open()
    expect(node.opened.groups.get(metadata)!.condition).toBe('clean')
    expect(indexes(node.readAll())).toEqual([1, 2])
  })

  test('a WAL file lost before the first batch makes tails unknown once, too', () => {
    const node = new TestNode('lost-empty').open().run(50).crash('kill')
    node.disk.process().removeSync(walPath(folder, 1))
    const condition = () => node.open().opened.groups.get(metadata)!.condition
    expect(condition()).toBe('unknown-tail')
    node.wait<[Error?]>((done) => node.storage.setTailKnown(metadata, done))
    node.crash('power')
    expect(condition()).toBe('clean')
    expect(indexes(node.append([10], 1))).toEqual([1])
    expect(indexes(node.crash('power').open().readAll())).toEqual([1])
  })

  test('batches lost in the middle are settled, also by a start that ended at once', () => {
    const node = new TestNode('lost-middle').open()
    node.setTerm(2)
    node.append([10, 10], 1)
    // What is lost begins with a truncation: nothing that follows continues the log as it is then.
    const before = node.log().pointAt(1)!
    const [second, ...others] = makeRecords(before, 1, [20, 20, 20], 2)
    node.wait<[Error?]>((done) => {
      node.storage.persist(metadata, { truncateAfter: 1, entries: [second!] }, done)
    })
    for (const entry of others) node.persist([entry])
    const [, third, fourth] = batchesOf(node.crash('kill'))
    for (const { position } of [third!, fourth!]) {
      overwrite(node.disk.process(), walPath(folder, 1), position, new Uint8Array(blockBytes))
    }
    const condition = () => node.open().opened.groups.get(metadata)!.condition
    expect(condition()).toBe('unknown-tail')
    node.crash('kill')
    expect(condition()).toBe('unknown-tail')
    expect(node.log().lastIndex).toBe(2)
    node.wait<[Error?]>((done) => node.storage.setTailKnown(metadata, done))
    node.append([10, 10], 4)
    node.crash('power')
    expect(condition()).toBe('clean')
    expect(indexes(node.readAll())).toEqual([1, 2, 3, 4])
  })

  test('a lost replica folder is made again, and what it held is a hole', () => {
    const node = new TestNode('lost-folder').open()
    const entries = node.append([10, 20, 30], 1)
    node.log().roll(2)
    node.log().commit(3)
    node.run(200)
    node.crash('power')
    node.disk.process().renameSync(`${folder}/groups/0-0.1`, '/data/elsewhere')
    node.open()
    expect(holesOf(node)).toEqual([[1, 2, 'synced', 'segment']])
    expect(node.log().pointAt(3)?.chain).toEqual(entries[2]!.chain)
  })

  test('one manifest of two is enough, and is made two again', () => {
    const node = stopped('one-manifest', [10])
    node.disk.process().removeSync(`${folder}/manifest.A`)
    node.open().crash('kill')
    node.disk.process().removeSync(`${folder}/manifest.B`)
    expect(indexes(node.open().readAll())).toEqual([1])
  })
})
