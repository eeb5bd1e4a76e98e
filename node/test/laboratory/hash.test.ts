// Everything a node does to its disk and its links is in the hash of the run, byte for byte, also
// what never takes effect.
import { Simulation } from '@quorate/actors/testing'
import { expect, test } from 'vitest'
import { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'
import { SimulatedNetwork } from '../../src/simulation/simulated-network.ts'
import type { Disk } from '../../src/storage/disk.ts'

const nothing = (): void => {}

function hashOfDisk(use: (disk: Disk, simulated: SimulatedDisk) => void): string {
  const simulation = new Simulation('hash')
  const { random } = simulation
  const simulated = new SimulatedDisk({ name: 'n1', scheduler: simulation, random })
  const disk = simulated.process()
  disk.makeFolderSync('/data')
  disk.openSync('/data/file', 'create').writeSync(new Uint8Array(2_000), 0)
  use(disk, simulated)
  simulation.runUntil(100)
  return simulation.hash
}

const file = (disk: Disk) => disk.openSync('/data/file', 'write')
const bytes = (last: number) => {
  const made = new Uint8Array(1_000)
  made[999] = last
  return made
}

const uses: Readonly<Record<string, (disk: Disk, simulated: SimulatedDisk) => void>> = {
  nothing,
  'a write': (disk) => file(disk).write([bytes(1)], 0, nothing),
  'a write of other bytes': (disk) => file(disk).write([bytes(2)], 0, nothing),
  'a write to another place': (disk) => file(disk).write([bytes(1)], 1, nothing),
  'a durable write': (disk) => file(disk).writeDurable([bytes(1)], 0, nothing),
  'a write that a crash cuts off': (disk, simulated) => {
    file(disk).write([bytes(1)], 0, nothing)
    simulated.crash('power')
  },
  'another write that a crash cuts off': (disk, simulated) => {
    file(disk).write([bytes(2)], 0, nothing)
    simulated.crash('power')
  },
  'a synchronous write': (disk) => file(disk).writeSync(bytes(1), 0),
  'a synchronous write of other bytes': (disk) => file(disk).writeSync(bytes(2), 0),
  'a sync': (disk) => file(disk).sync(nothing),
  'a synchronous sync': (disk) => file(disk).syncSync(),
  'a rename': (disk) => disk.renameSync('/data/file', '/data/other'),
  'another rename': (disk) => disk.renameSync('/data/file', '/data/third'),
  'a later rename': (disk) => disk.rename('/data/file', '/data/other', nothing),
  'a removal': (disk) => disk.removeSync('/data/file'),
  'a sync of names': (disk) => disk.syncFolderSync('/data'),
  'a new folder': (disk) => disk.makeFolderSync('/data/folder'),
  'a new file': (disk) => disk.openSync('/data/new', 'create').close(),
  'damage that cuts a file': (disk, simulated) => {
    file(disk).syncSync()
    disk.syncFolderSync('/data')
    disk.syncFolderSync('/')
    simulated.damage.apply({ kind: 'truncate', path: '/data/file', to: 7 })
  },
}

test('what happens to a disk is in the hash, each thing as another one', () => {
  const hashes = Object.values(uses).map(hashOfDisk)
  expect(new Set(hashes).size).toBe(hashes.length)
  expect(Object.values(uses).map(hashOfDisk)).toEqual(hashes)
})

function hashOfLink(sent: readonly number[], cut: boolean): string {
  const simulation = new Simulation('hash')
  const network = new SimulatedNetwork(simulation, simulation.random)
  const handlers = { data: nothing, closed: nothing }
  network.host('b').listen(
    '10.0.0.2:1',
    () => handlers,
    () => {},
  )
  simulation.runUntil(1)
  network.host('a').connect('10.0.0.2:1', handlers, (link) => {
    if (cut) network.cut('a', 'b')
    for (const each of sent) link.write(bytes(each))
  })
  simulation.runUntil(100)
  return simulation.hash
}

test('bytes sent over a link are in the hash, also those that never arrive', () => {
  for (const cut of [false, true]) {
    const hashes = [[], [1], [2], [1, 2], [2, 1]].map((sent) => hashOfLink(sent, cut))
    expect(new Set(hashes).size).toBe(hashes.length)
  }
  expect(hashOfLink([1], true)).not.toBe(hashOfLink([1], false))
})
