import { Simulation } from '@quorate/actors/testing'
import { expect, test } from 'vitest'
import { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'
import type { Disk } from '../../src/storage/disk.ts'
import { readMembersSync, saveMembers } from '../../src/storage/members-file.ts'

const node = { nodeId: 'n1', incarnation: 'a'.repeat(16), address: 'h:1' }

test('the members survive a power cut once they are saved, and a file that is none is no news', () => {
  const simulation = new Simulation('members')
  const { random } = simulation
  const disk = new SimulatedDisk({ name: 'disk', scheduler: simulation, random })
  disk.process().makeFolderSync('/data')
  disk.process().syncFolderSync('/')
  const save = (index: number) => {
    let done = false
    saveMembers(disk.process(), '/data', { index, nodes: [node] }, (error) => {
      expect(error).toBeUndefined()
      done = true
    })
    simulation.runUntilTrue(() => done, simulation.nowMs + 1000)
    expect(done).toBe(true)
  }
  expect(readMembersSync(disk.process(), '/data')).toBeUndefined()
  save(3)
  save(7)
  disk.crash('power')
  expect(readMembersSync(disk.process(), '/data')).toEqual({ index: 7, nodes: [node] })
  damage(disk.process())
  expect(readMembersSync(disk.process(), '/data')).toBeUndefined()
  save(9)
  expect(readMembersSync(disk.process(), '/data')).toEqual({ index: 9, nodes: [node] })
})

function damage(disk: Disk): void {
  const file = disk.openSync('/data/members', 'write')
  file.writeSync(new TextEncoder().encode('{"magic":"x"'), 0)
  file.close()
}
