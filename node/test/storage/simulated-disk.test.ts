import { Simulation } from '@quorate/actors/testing'
import { describe, expect, test } from 'vitest'
import { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'
import type { Disk, DiskError } from '../../src/storage/disk.ts'

function made(seed: string): { simulation: Simulation; disk: SimulatedDisk; process: Disk } {
  const simulation = new Simulation(seed)
  const disk = new SimulatedDisk({ name: 'd', scheduler: simulation, random: simulation.random })
  return { simulation, disk, process: disk.process() }
}

function bytesOf(disk: Disk, path: string): Uint8Array | undefined {
  if (!disk.existsSync(path)) return undefined
  const file = disk.openSync(path, 'read')
  const bytes = new Uint8Array(file.sizeSync())
  file.readSync(bytes, 0)
  return bytes
}

const filled = (length: number, value: number) => new Uint8Array(length).fill(value)

describe('a power loss', () => {
  test('keeps what was synced, contents and names', () => {
    const { disk, process } = made('keeps')
    const file = process.openSync('/a', 'create')
    file.writeSync(filled(2000, 1), 0)
    file.syncSync()
    process.syncFolderSync('/')
    file.writeSync(filled(2000, 2), 2000)
    disk.crash('power')
    expect(bytesOf(disk.process(), '/a')!.subarray(0, 2000)).toEqual(filled(2000, 1))
  })

  test('takes any part of what was not synced, in whole sectors, from nothing to everything', () => {
    const outcomes = new Set<string>()
    for (let seed = 0; seed < 200; seed += 1) {
      const { disk, process } = made(`part-${seed}`)
      const file = process.openSync('/a', 'create')
      file.writeSync(filled(2048, 1), 0)
      file.syncSync()
      process.syncFolderSync('/')
      file.writeSync(filled(1024, 2), 512)
      file.writeSync(filled(512, 3), 512)
      disk.crash('power')
      const bytes = bytesOf(disk.process(), '/a')!
      const sectors = [0, 1, 2, 3].map((sector) => {
        const values = new Set(bytes.subarray(sector * 512, (sector + 1) * 512))
        expect(values.size).toBe(1)
        return [...values][0]
      })
      outcomes.add(sectors.join(''))
    }
    // Sector 1 was written twice: any of its three contents may be found.
    expect([...outcomes].sort()).toEqual(['1111', '1121', '1211', '1221', '1311', '1321'])
  })

  test('keeps or loses each unsynced name on its own, and never half a rename', () => {
    const outcomes = new Set<string>()
    for (let seed = 0; seed < 100; seed += 1) {
      const { disk, process } = made(`names-${seed}`)
      for (const name of ['/old', '/gone']) {
        const file = process.openSync(name, 'create')
        file.writeSync(filled(10, 1), 0)
        file.syncSync()
      }
      process.syncFolderSync('/')
      process.openSync('/new', 'create').syncSync()
      process.renameSync('/old', '/renamed')
      process.removeSync('/gone')
      disk.crash('power')
      outcomes.add(disk.process().listSync('/').join())
    }
    expect(outcomes.size).toBe(8)
    for (const outcome of outcomes) {
      expect(outcome.includes('old')).not.toBe(outcome.includes('renamed'))
    }
  })

  test('keeps a synced file only under a synced name', () => {
    let lost = 0
    for (let seed = 0; seed < 50; seed += 1) {
      const { disk, process } = made(`nameless-${seed}`)
      const file = process.openSync('/a', 'create')
      file.writeSync(filled(10, 1), 0)
      file.syncSync()
      expect(disk.syncedView().existsSync('/a')).toBe(false)
      disk.crash('power')
      if (!disk.process().existsSync('/a')) lost += 1
    }
    expect(lost).toBeGreaterThan(10)
    expect(lost).toBeLessThan(45)
  })

  test('after a failed sync takes what the kernel held for clean', () => {
    const { simulation, disk, process } = made('fsyncgate')
    const file = process.openSync('/a', 'create')
    file.syncSync()
    process.syncFolderSync('/')
    let failure: DiskError | undefined
    file.write([filled(512, 5)], 0, () => {
      disk.fail({ operation: 'sync', path: /a/, code: 'EIO' })
      file.sync((error) => {
        failure = error
      })
    })
    simulation.runUntil(10)
    expect(failure?.code).toBe('EIO')
    expect(bytesOf(process, '/a')).toEqual(filled(512, 5))
    expect(() => file.syncSync()).toThrow('EIO')
    disk.crash('power')
    expect(bytesOf(disk.process(), '/a')).toEqual(new Uint8Array(0))
  })
})

describe('a killed process', () => {
  test('leaves the page cache, and of a write under way a prefix', () => {
    const lengths = new Set<number>()
    for (let seed = 0; seed < 100; seed += 1) {
      const { disk, process } = made(`kill-${seed}`)
      const file = process.openSync('/a', 'create')
      file.writeSync(filled(512, 1), 0)
      let called = false
      file.writeDurable([filled(700, 2), filled(324, 2)], 512, () => {
        called = true
      })
      disk.crash('kill')
      expect(called).toBe(false)
      const bytes = bytesOf(disk.process(), '/a')!
      expect(bytes.subarray(0, 512)).toEqual(filled(512, 1))
      expect(bytes.subarray(512).every((byte) => byte === 2)).toBe(true)
      lengths.add(bytes.byteLength)
    }
    expect([...lengths].sort()).toEqual([1024, 1536, 512])
  })

  test('cannot use its disk any more, and hears of nothing', () => {
    const { simulation, disk, process } = made('dead')
    const file = process.openSync('/a', 'create')
    let calls = 0
    file.sync(() => {
      calls += 1
    })
    disk.crash('kill')
    file.write([filled(1, 1)], 0, () => {
      calls += 1
    })
    simulation.runUntil(100)
    expect(calls).toBe(0)
    expect(() => process.openSync('/a', 'read')).toThrow('after the crash')
  })
})

describe('operations', () => {
  test('complete on a later turn, between the least and the greatest latency', () => {
    const { simulation, process } = made('latency')
    const at: number[] = []
    for (let count = 0; count < 50; count += 1) {
      process.makeFolder(`/f${count}`, () => at.push(simulation.nowMs))
    }
    expect(at).toEqual([])
    simulation.runUntil(10)
    expect(at.length).toBe(50)
    expect(Math.min(...at)).toBeGreaterThanOrEqual(0.1)
    expect(Math.max(...at)).toBeLessThanOrEqual(0.4)
    expect(new Set(at).size).toBeGreaterThan(20)
  })

  test('on a stalled path wait until the stall is over', () => {
    const { simulation, disk, process } = made('stall')
    disk.stall(500, /slow/)
    const order: string[] = []
    process.makeFolder('/slow', () => order.push(`slow ${simulation.nowMs >= 500}`))
    process.makeFolder('/fast', () => order.push(`fast ${simulation.nowMs < 1}`))
    simulation.runUntil(1000)
    expect(order).toEqual(['fast true', 'slow true'])
  })

  test('fail as often as asked for, and then succeed', () => {
    const { disk, process } = made('faults')
    disk.fail({ operation: 'open', path: /a$/, code: 'EACCES', times: 2 })
    for (let count = 0; count < 2; count += 1) {
      expect(() => process.openSync('/a', 'create')).toThrow('EACCES')
    }
    process.openSync('/b', 'create')
    process.openSync('/a', 'create').close()
  })

  test('a write that does not fit fails, and another file that shrinks makes room', () => {
    const { simulation, disk, process } = made('full')
    const one = process.openSync('/one', 'create')
    one.writeSync(filled(4096, 1), 0)
    const two = process.openSync('/two', 'create')
    disk.capacityBytes = 6000
    const errors: (string | undefined)[] = []
    const write = () => two.write([filled(4096, 2)], 0, (error) => errors.push(error?.code))
    write()
    simulation.runUntil(5)
    // What exists may be written again.
    one.write([filled(4096, 3)], 0, (error) => errors.push(error?.code))
    simulation.runUntil(10)
    process.removeSync('/one')
    write()
    simulation.runUntil(20)
    expect(errors).toEqual(['ENOSPC', undefined, undefined])
  })
})

test('the same seed gives the same disk', () => {
  const run = () => {
    const { simulation, disk, process } = made('same')
    const file = process.openSync('/a', 'create')
    for (let count = 0; count < 20; count += 1)
      file.write([filled(700, count)], count * 600, () => {})
    simulation.runUntil(0.2)
    disk.crash('power')
    return [simulation.nowMs, bytesOf(disk.process(), '/a')?.join()]
  }
  expect(run()).toEqual(run())
})
