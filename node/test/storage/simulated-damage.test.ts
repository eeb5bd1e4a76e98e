import { Simulation } from '@quorate/actors/testing'
import { describe, expect, test } from 'vitest'
import { type CrashPoint, DiskCrash } from '../../src/simulation/crash-points.ts'
import { damageableFiles, pickFile } from '../../src/simulation/damageable-files.ts'
import type { DiskDamage } from '../../src/simulation/simulated-damage.ts'
import { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'
import type { Disk, DiskFile } from '../../src/storage/disk.ts'
import { folder, metadata, TestNode } from './harness.ts'

function made(seed: string): { simulation: Simulation; disk: SimulatedDisk; process: Disk } {
  const simulation = new Simulation(seed)
  const disk = new SimulatedDisk({ name: 'd', scheduler: simulation, random: simulation.random })
  return { simulation, disk, process: disk.process() }
}

function bytesOf(disk: Disk, path: string): Uint8Array {
  const file = disk.openSync(path, 'read')
  const bytes = new Uint8Array(file.sizeSync())
  file.readSync(bytes, 0)
  return bytes
}

const filled = (length: number, value: number) => new Uint8Array(length).fill(value)

function synced(process: Disk, path: string, bytes: Uint8Array): DiskFile {
  const file = process.openSync(path, 'create')
  file.writeSync(bytes, 0)
  file.syncSync()
  process.syncFolderSync('/')
  return file
}

function differing(one: Uint8Array, other: Uint8Array): number[] {
  return [...one.keys()].filter((at) => one[at] !== other[at])
}

describe('damage at rest', () => {
  test('flips a bit that every reader and the synced view see, and a power loss keeps', () => {
    const { disk, process } = made('flip')
    synced(process, '/a', filled(10_000, 7))
    const done = disk.damage.apply({ kind: 'flip', path: '/a' })!
    const read = bytesOf(process, '/a')
    expect(differing(read, filled(10_000, 7))).toEqual([done.from])
    expect(bytesOf(disk.syncedView(), '/a')).toEqual(read)
    disk.crash('power')
    expect(bytesOf(disk.process(), '/a')).toEqual(read)
  })

  test('flips as many bits as asked for, where it is told to', () => {
    const { disk, process } = made('flips')
    synced(process, '/a', filled(100, 0))
    disk.damage.apply({ kind: 'flip', path: '/a', at: 10, bits: 11 })
    const bits = [...bytesOf(process, '/a')].map((byte) => byte.toString(2).replaceAll('0', ''))
    expect(bits.join('').length).toBe(11)
    expect(differing(bytesOf(process, '/a'), filled(100, 0))).toEqual([10, 11])
  })

  test('hits what is written, not the space prepared behind it', () => {
    for (let seed = 0; seed < 30; seed += 1) {
      const { disk, process } = made(`written-${seed}`)
      const file = synced(process, '/a', filled(1 << 20, 0))
      file.writeSync(filled(100, 1), 4096)
      file.syncSync()
      expect(disk.damage.apply({ kind: 'flip', path: '/a' })!.from).toBeLessThan(4096 + 512)
    }
  })

  test('is covered by a page that waits for its sync, and back when that page is lost', () => {
    const { disk, process } = made('covered')
    const file = synced(process, '/a', filled(1024, 1))
    file.writeSync(filled(512, 2), 0)
    disk.damage.apply({ kind: 'flip', path: '/a', at: 0 })
    disk.damage.apply({ kind: 'flip', path: '/a', at: 600 })
    expect(differing(bytesOf(process, '/a').subarray(0, 512), filled(512, 2))).toEqual([])
    expect(differing(bytesOf(process, '/a').subarray(512), filled(512, 1))).toEqual([600 - 512])
    expect(differing(bytesOf(disk.syncedView(), '/a'), filled(1024, 1))).toEqual([0, 600])
    file.syncSync()
    expect(bytesOf(disk.syncedView(), '/a')[0]).toBe(2)
  })

  test('zeroes a block, cuts the end off, or takes the name', () => {
    const { disk, process } = made('zero')
    const file = synced(process, '/a', filled(9000, 5))
    expect(disk.damage.apply({ kind: 'zero', path: '/a', from: 4096 })).toMatchObject({
      from: 4096,
      to: 8192,
    })
    expect(differing(bytesOf(process, '/a'), filled(9000, 5)).length).toBe(4096)
    disk.damage.apply({ kind: 'truncate', path: '/a', to: 4000 })
    expect(bytesOf(process, '/a')).toEqual(filled(4000, 5))
    file.writeSync(filled(10, 6), 5000)
    disk.damage.apply({ kind: 'delete', path: '/a' })
    expect(process.listSync('/')).toEqual([])
    disk.crash('power')
    expect(disk.process().listSync('/')).toEqual([])
  })

  test('a deleted name does not come back with a rename that was not synced', () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const { disk, process } = made(`lost-${seed}`)
      synced(process, '/a.tmp', filled(10, 1))
      process.renameSync('/a.tmp', '/a')
      disk.damage.apply({ kind: 'delete', path: '/a' })
      disk.crash('power')
      expect(disk.process().existsSync('/a')).toBe(false)
    }
  })

  test('brings back what a path held earlier, also when the file was replaced since', () => {
    const { disk, process } = made('stale')
    synced(process, '/a', filled(100, 1))
    disk.damage.apply({ kind: 'remember', path: '/a' })
    expect(disk.damage.apply({ kind: 'stale', path: '/a' })).toBeUndefined()
    synced(process, '/a.tmp', filled(200, 2))
    process.renameSync('/a.tmp', '/a')
    process.syncFolderSync('/')
    expect(disk.damage.apply({ kind: 'stale', path: '/a' })).toBeDefined()
    disk.crash('power')
    expect(bytesOf(disk.process(), '/a')).toEqual(filled(100, 1))
  })

  test('swaps the contents of two names', () => {
    const { disk, process } = made('swap')
    synced(process, '/a', filled(100, 1))
    synced(process, '/b', filled(200, 2))
    disk.damage.apply({ kind: 'swap', path: '/a', with: '/b' })
    expect([bytesOf(process, '/a'), bytesOf(process, '/b')]).toEqual([
      filled(200, 2),
      filled(100, 1),
    ])
  })

  test('does nothing where there is nothing to damage', () => {
    const { disk, process } = made('nothing')
    synced(process, '/zeros', filled(100, 0))
    synced(process, '/empty', filled(0, 0))
    const damages: DiskDamage[] = [
      { kind: 'flip', path: '/none' },
      { kind: 'flip', path: '/' },
      { kind: 'flip', path: '/zeros', at: 100 },
      { kind: 'zero', path: '/zeros' },
      { kind: 'truncate', path: '/empty' },
      { kind: 'truncate', path: '/zeros', to: 100 },
      { kind: 'stale', path: '/zeros' },
      { kind: 'swap', path: '/zeros', with: '/none' },
      { kind: 'swap', path: '/zeros', with: '/zeros' },
      { kind: 'delete', path: '/no/such/folder' },
    ]
    for (const damage of damages) expect(disk.damage.apply(damage)).toBeUndefined()
    expect(disk.damage.done).toEqual([])
  })
})

describe('damage on the way', () => {
  test('a read is wrong in one bit, once, and the file is good', () => {
    const { disk, process, simulation } = made('read')
    const file = synced(process, '/a', filled(1000, 1))
    disk.damage.apply({ kind: 'flip-read', path: '/a', times: 2 })
    expect(differing(bytesOf(process, '/a'), filled(1000, 1)).length).toBe(1)
    const into = new Uint8Array(1000)
    let read = 0
    file.read(into, 0, (_error, bytesRead) => {
      read = bytesRead
    })
    simulation.runUntil(10)
    expect(read).toBe(1000)
    expect(differing(into, filled(1000, 1)).length).toBe(1)
    expect(bytesOf(process, '/a')).toEqual(filled(1000, 1))
    expect(bytesOf(disk.syncedView(), '/a')).toEqual(filled(1000, 1))
  })

  test('a read gives another block, once, and the file is good', () => {
    const { disk, process } = made('misdirect-read')
    const blocks = Uint8Array.from({ length: 4 * 4096 }, (_, at) => 1 + Math.floor(at / 4096))
    const file = synced(process, '/a', blocks)
    disk.damage.apply({ kind: 'misdirect-read', path: '/a' })
    expect(disk.damage.pending).toBe(true)
    const [first, second] = [new Uint8Array(100), new Uint8Array(100)]
    file.readSync(first, 4096)
    file.readSync(second, 4096)
    expect(new Set(first).size).toBe(1)
    expect(first[0]).not.toBe(2)
    expect(second).toEqual(filled(100, 2))
    expect(disk.damage.pending).toBe(false)
    expect(bytesOf(disk.syncedView(), '/a')).toEqual(blocks)
  })

  test('a write lands at another block and says it has succeeded', () => {
    const { disk, process, simulation } = made('misdirect')
    const file = synced(process, '/a', filled(4 * 4096, 1))
    disk.damage.apply({ kind: 'misdirect', path: '/a' })
    let failed: unknown = 'nothing came back'
    file.writeDurable([filled(4096, 2)], 4096, (error) => {
      failed = error
    })
    simulation.runUntil(10)
    expect(failed).toBeUndefined()
    const wrong = differing(bytesOf(disk.syncedView(), '/a'), filled(4 * 4096, 1))
    expect(wrong.length).toBe(4096)
    expect(wrong[0]! % 4096).toBe(0)
    expect(wrong[0]).not.toBe(4096)
    expect(disk.damage.done.map(({ from }) => from)).toEqual([4096, wrong[0]])
  })

  test.each(['sync', 'writeDurable'] as const)(
    'after a failed %s the next one says yes, and the cache forgets',
    (operation) => {
      const { disk, process, simulation } = made('fsyncgate')
      const file = synced(process, '/a', filled(512, 1))
      disk.fail({ operation: operation === 'sync' ? 'sync' : 'write', path: /a/, code: 'EIO' })
      if (operation === 'sync') {
        file.writeSync(filled(512, 2), 0)
        expect(() => file.syncSync()).toThrow('EIO')
      } else {
        file.writeDurable([filled(512, 2)], 0, () => {})
        simulation.runUntil(10)
      }
      expect(() => file.syncSync()).toThrow('EIO')
      disk.crash('kill')
      const next = disk.process()
      const again = next.openSync('/a', 'write')
      again.syncSync()
      disk.damage.apply({ kind: 'drop-cache', path: '/a' })
      expect(bytesOf(next, '/a')).toEqual(filled(512, 1))
      expect(bytesOf(disk.syncedView(), '/a')).toEqual(filled(512, 1))
    },
  )
})

describe('a crash point', () => {
  /** Five changes, some at once and some later; gives what is on the platter after the crash. */
  function crashed(point: CrashPoint): { names: string[]; size: number; calls: string[] } {
    const { disk, process, simulation } = made('points')
    const calls: string[] = []
    disk.crashPoints.set(point, () => disk.crash('kill'))
    try {
      const file = process.openSync('/a', 'create')
      file.writeSync(filled(512, 1), 0)
      bytesOf(process, '/a')
      file.write([filled(512, 2)], 512, () => {
        calls.push('write')
        process.rename('/a', '/b', () => {
          calls.push('rename')
          process.syncFolder('/', () => calls.push('sync'))
        })
      })
      simulation.runUntil(10)
    } catch (error) {
      expect(error).toBeInstanceOf(DiskCrash)
      calls.push('thrown')
    }
    const names = disk.process().listSync('/')
    const size = names.length === 0 ? 0 : bytesOf(disk.process(), `/${names[0]}`).byteLength
    return { names, size, calls }
  }

  test('lies just before or just after the operation that it names', () => {
    const before = (operation: number) => crashed({ operation, when: 'before' })
    const after = (operation: number) => crashed({ operation, when: 'after' })
    expect(before(1)).toEqual({ names: [], size: 0, calls: ['thrown'] })
    expect(after(1)).toEqual({ names: ['a'], size: 0, calls: ['thrown'] })
    expect(before(2)).toEqual({ names: ['a'], size: 0, calls: ['thrown'] })
    expect(after(2)).toEqual({ names: ['a'], size: 512, calls: ['thrown'] })
    expect(before(3).calls).toEqual([])
    expect(after(3)).toEqual({ names: ['a'], size: 1024, calls: [] })
    expect(before(4).calls).toEqual(['write'])
    expect(after(4)).toEqual({ names: ['b'], size: 1024, calls: ['write'] })
    expect(after(5)).toEqual({ names: ['b'], size: 1024, calls: ['write', 'rename'] })
    expect(before(6).calls).toEqual(['write', 'rename', 'sync'])
  })

  // A start that was cut off while it wrote the last batch again once lost that batch.
  test.each(['kill', 'power'] as const)(
    'may lie in a start, which a %s cuts off at every operation and loses nothing',
    (kind) => {
      for (const when of ['before', 'after'] as const) {
        let operation = 1
        while (startCutOff({ operation, when }, kind)) operation += 1
        expect(operation).toBeGreaterThan(20)
      }
    },
  )

  /** False when the start was over before the crash point. */
  function startCutOff(point: CrashPoint, kind: 'kill' | 'power'): boolean {
    const node = new TestNode(`start-${point.operation}`).open()
    node.append([100, 9000], 1)
    node.crash('kill')
    node.disk.crashPoints.set(point, () => node.disk.crash(kind))
    let cutOff = false
    try {
      node.open()
    } catch (error) {
      expect(error).toBeInstanceOf(DiskCrash)
      cutOff = true
      node.crash(kind).open()
    }
    expect(node.disk.crashPoints.clear()).toBe(cutOff)
    expect(node.readAll().map(({ index }) => index)).toEqual([1, 2])
    return cutOff
  }
})

test('the files of a folder are listed by kind, and one is picked by number', () => {
  const node = new TestNode('files').open()
  node.append([100, 100, 100], 1)
  node.log().roll(2)
  node.log().commit(3)
  const point = node.log().pointAt(2)!
  node.wait((done) => {
    node.storage.saveCheckpoint(metadata, { ...point, state: filled(10, 1) }, done)
  })
  node.run(100)
  const kinds = damageableFiles(node.disk, folder).map(({ kind }) => kind)
  expect([...new Set(kinds)].sort()).toEqual(
    [
      'wal',
      'segment',
      'checkpoint',
      'hard.A',
      'hard.B',
      'manifest.A',
      'manifest.B',
      'identity',
      'wal/identity',
      'secret',
    ].sort(),
  )
  const segment = pickFile(node.disk, folder, 'segment', 7)
  expect(segment).toMatchObject({ group: metadata, replicaId: 1, number: 1 })
  expect(segment!.sizeBytes).toBeGreaterThan(300)
  expect(pickFile(node.disk, `${folder}/none`, 'segment', 7)).toBeUndefined()
})
