import { describe, expect, test } from 'vitest'
import { decideUnreadableBatch } from '../../src/storage/damage-decision.ts'
import type { Disk } from '../../src/storage/disk.ts'
import type { LogEntry } from '../../src/storage/log-entry.ts'
import { walPath } from '../../src/storage/wal-file.ts'
import { blockBytes } from '../../src/storage/wal-format.ts'
import { folder, TestNode } from './harness.ts'

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
      node.open()
      // Cut behind its last byte it is whole: only padding is missing.
      const whole = before.every((byte) => byte === 0)
      expect(indexes(node.readAll())).toEqual(whole ? [1, 2, 3] : [1, 2])
      const dropped = node.events.some(({ event }) => event === 'wal.tail-dropped')
      if (!whole && sector > 0) expect(dropped).toBe(true)
    }
  })

  test('is replaced by what is written after it, also when its rest comes to light again', () => {
    const node = stopped('ghost', [100, 200, 300])
    const [, , last] = batchesOf(node)
    const disk = node.disk.process()
    const path = walPath(folder, 1)
    const original = bytesOf(disk, path, last!.position, last!.sizeBytes)
    overwrite(disk, path, last!.position + 512, new Uint8Array(last!.sizeBytes - 512))
    node.open()
    const fresh = node.append([400], 2)
    node.crash('kill')
    overwrite(node.disk.process(), path, last!.position, original)
    node.open()
    expect(node.readAll().map((entry) => entry.term)).toEqual([1, 1, 2])
    expect(node.log().pointAt(3)?.chain).toEqual(fresh[0]!.chain)
  })
})

describe('an unreadable batch with evidence that it was synced', () => {
  test('stops the node, naming file, range and what it held', () => {
    const node = stopped('damage', [100, 200, 300])
    const [, second] = batchesOf(node)
    overwrite(node.disk.process(), walPath(folder, 1), second!.position + 20, new Uint8Array([255]))
    const range = `bytes ${second!.position}..${second!.position + second!.sizeBytes}`
    expect(() => node.open()).toThrow(new RegExp(`wal-0000000001: ${range}.*0-0 2..2 of term 1`))
  })

  test('in its payload stops the node too', () => {
    const node = stopped('payload', [100, 900, 300])
    const [, second] = batchesOf(node)
    const at = second!.position + blockBytes + 600
    overwrite(node.disk.process(), walPath(folder, 1), at, new Uint8Array([255, 254]))
    expect(() => node.open()).toThrow(/stored data are damaged.*batch CRC at index 2/)
  })

  test('is told from a torn write by a seal alone', () => {
    const node = new TestNode('sealed').open()
    node.append([100], 1)
    node.run(50)
    node.crash('kill')
    const [only] = batchesOf(node)
    overwrite(node.disk.process(), walPath(folder, 1), only!.position + 70, new Uint8Array([9]))
    expect(() => node.open()).toThrow(/batch 2 proves that it was synced/)
  })

  test('is told by a batch of the next file', () => {
    const node = stopped('next-file', [100])
    node.open().crash('kill')
    const [only] = batchesOf(node)
    // Opening wrote the batch once more into file 2, which makes the first copy void.
    overwrite(node.disk.process(), walPath(folder, 1), only!.position + 70, new Uint8Array([9]))
    expect(indexes(node.open().readAll())).toEqual([1])
    // Sealed in file 3; opening again begins file 4 with batch 3.
    node.run(50).crash('kill').open().crash('kill')
    const seal = blockBytes + only!.sizeBytes
    overwrite(node.disk.process(), walPath(folder, 3), seal + 70, new Uint8Array([9]))
    expect(() => node.open()).toThrow(
      new RegExp(`wal-0000000003: bytes ${seal}..65536: batch 2: .* batch 3 proves`),
    )
  })
})

describe('the decision on an unreadable batch', () => {
  const batch = {
    path: 'wal-1',
    from: 0,
    to: 4096,
    batchNumber: 3,
    reason: 'CRC',
    held: ['0-0 7..9 of term 2'],
  }

  test('is a torn write without evidence, and damage with it', () => {
    expect(decideUnreadableBatch({ ...batch, provenBy: undefined })).toEqual({ decision: 'drop' })
    const decided = decideUnreadableBatch({ ...batch, provenBy: 4 })
    expect(decided.decision === 'damaged' && decided.error.code).toBe('QUORATE_STORAGE_DAMAGED')
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
  test('and are missing or too short stop the node by name', () => {
    const breakers: [string, (disk: Disk) => void, RegExp][] = [
      ['wal', (disk) => disk.removeSync(walPath(folder, 1)), /wal-0000000001: the file is missing/],
      [
        'manifest',
        (disk) => {
          disk.removeSync(`${folder}/manifest.A`)
          disk.removeSync(`${folder}/manifest.B`)
        },
        /manifest.A and .*manifest.B: neither is readable/,
      ],
      ['hard', (disk) => disk.removeSync(`${folder}/hard.B`), /hard.B: the file is missing/],
      [
        'identity',
        (disk) => disk.removeSync(`${folder}/wal/identity`),
        /wal\/identity: the file is missing/,
      ],
      [
        'replica',
        (disk) => disk.renameSync(`${folder}/groups/0-0.1`, '/data/elsewhere'),
        /groups\/0-0.1: the folder is missing/,
      ],
      ['secret', (disk) => disk.removeSync(`${folder}/secret`), /secret: it holds no secret/],
    ]
    for (const [name, breakIt, message] of breakers) {
      const node = stopped(`missing-${name}`, [10])
      breakIt(node.disk.process())
      expect(() => node.open(), name).toThrow(message)
    }
  })

  test('one manifest of two is enough, and is made two again', () => {
    const node = stopped('one-manifest', [10])
    node.disk.process().removeSync(`${folder}/manifest.A`)
    node.open().crash('kill')
    node.disk.process().removeSync(`${folder}/manifest.B`)
    expect(indexes(node.open().readAll())).toEqual([1])
  })
})
