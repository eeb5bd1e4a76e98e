import { Simulation } from '@quorate/actors/testing'
import { expect, test } from 'vitest'
import { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'
import { type GivenUpNode, readGivenUpSync, saveGivenUp } from '../../src/storage/given-up-file.ts'

const one = { nodeId: 'n1', incarnation: 'a'.repeat(16) }
const other = { nodeId: 'n1', incarnation: 'b'.repeat(16) }

test('a node that was given up stays so after a power cut, and while one of two copies is readable', () => {
  const simulation = new Simulation('given-up')
  const { random } = simulation
  const disk = new SimulatedDisk({ name: 'disk', scheduler: simulation, random })
  disk.process().makeFolderSync('/data')
  disk.process().makeFolderSync('/data/wal')
  disk.process().syncFolderSync('/data')
  disk.process().syncFolderSync('/')
  const save = (nodes: readonly GivenUpNode[]) => {
    let done = false
    saveGivenUp(disk.process(), '/data', nodes, (error) => {
      expect(error).toBeUndefined()
      done = true
    })
    simulation.runUntilTrue(() => done, simulation.nowMs + 1000)
    expect(done).toBe(true)
  }
  const read = () => readGivenUpSync(disk.process(), '/data')
  const damage = (path: string) => {
    const file = disk.process().openSync(path, 'write')
    file.writeSync(new TextEncoder().encode('{"magic":"x"'), 0)
    file.close()
  }
  expect(read()).toEqual([])
  save([one])
  save([one, other])
  disk.crash('power')
  expect(read()).toEqual([one, other])
  damage('/data/given-up')
  expect(read()).toEqual([one, other])
  save([one, other])
  damage('/data/wal/given-up')
  expect(read()).toEqual([one, other])
  damage('/data/given-up')
  expect(read()).toEqual([])
})
