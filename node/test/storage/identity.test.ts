import { keyedRandom } from '@quorate/actors'
import { Simulation } from '@quorate/actors/testing'
import { QuorateError } from '@quorate/protocol'
import { describe, expect, test } from 'vitest'
import { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'
import { encodeCheckedText, replaceFileSync } from '../../src/storage/checked-text.ts'
import { formatNode } from '../../src/storage/format.ts'
import {
  metadataConfiguration,
  metadataReplicaId,
  newPlan,
  parsePlan,
} from '../../src/storage/plan.ts'
import { openStorage } from '../../src/storage/storage.ts'
import { folder, smallOptions, testPlan } from './harness.ts'

function emptyDisk(seed = 'identity'): SimulatedDisk {
  const simulation = new Simulation(seed)
  const disk = new SimulatedDisk({ name: 'disk', scheduler: simulation, random: simulation.random })
  const process = disk.process()
  process.makeFolderSync('/data')
  process.syncFolderSync('/')
  return disk
}

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof QuorateError) return error.code
    throw error
  }
  return 'none'
}

const options = { ...smallOptions, random: keyedRandom('identity') }

describe('a plan', () => {
  test('has 1, 3 or 5 voters, numbered in its order, and then the nodes that follow', () => {
    const voters = (count: number) => {
      const nodes = Array.from({ length: count }, (_, n) => ({ id: `n${n + 1}`, address: 'h:1' }))
      const plan = newPlan(nodes, (digits) => 'a'.repeat(digits))
      expect(plan.nodes.map(({ id }) => metadataReplicaId(plan.nodes, id))).toEqual(
        Array.from({ length: count }, (_, n) => n + 1),
      )
      return metadataConfiguration(plan.nodes).voters
    }
    expect(voters(1)).toEqual([1])
    expect(voters(2)).toEqual([1])
    expect(voters(4)).toEqual([1, 2, 3])
    expect(voters(6)).toEqual([1, 2, 3, 4, 5])
    const late = ['n1', 'n2', 'n3'].map((id) => ({ id, voter: id !== 'n1' }))
    expect(late.map(({ id }) => metadataReplicaId(late, id))).toEqual([3, 1, 2])
    expect(metadataReplicaId(late, 'n9')).toBeUndefined()
  })

  test('with anything wrong in it is refused by name', () => {
    const plan = testPlan()
    const wrong: [unknown, string][] = [
      [{ ...plan, formatVersion: 2 }, 'QUORATE_FORMAT_VERSION'],
      [{ ...plan, secret: 'short' }, 'QUORATE_INVALID_ARGUMENT'],
      [{ ...plan, clusterId: 5 }, 'QUORATE_INVALID_ARGUMENT'],
      [{ ...plan, nodes: [] }, 'QUORATE_INVALID_ARGUMENT'],
      [{ ...plan, nodes: [...plan.nodes, ...plan.nodes] }, 'QUORATE_INVALID_ARGUMENT'],
      [{ ...plan, nodes: [{ ...plan.nodes[0], id: 'a b' }] }, 'QUORATE_INVALID_ARGUMENT'],
      [null, 'QUORATE_INVALID_ARGUMENT'],
    ]
    for (const [found, code] of wrong)
      expect(codeOf(() => parsePlan(JSON.stringify(found)))).toBe(code)
    expect(codeOf(() => parsePlan('{'))).toBe('QUORATE_INVALID_ARGUMENT')
    expect(parsePlan(JSON.stringify(plan))).toEqual(plan)
  })
})

describe('formatting', () => {
  test('makes a folder that opens with the identity of the plan and an empty metadata replica', () => {
    const disk = emptyDisk()
    const plan = testPlan()
    formatNode(disk.process(), plan, 'n1', folder)
    disk.crash('power')
    const opened = openStorage(disk.process(), folder, options)
    const { secret, ...open } = plan
    expect(opened.secret).toBe(secret)
    expect(opened.identity).toEqual({
      formatVersion: 1,
      clusterId: plan.clusterId,
      nodeId: 'n1',
      incarnation: plan.nodes[0]!.incarnation,
      plan: open,
    })
    expect(opened.executedIndex).toBe(0)
    expect([...opened.groups.keys()]).toEqual(['0-0'])
    expect(opened.groups.get('0-0')).toMatchObject({
      replicaId: 1,
      hardState: { term: 0, votedFor: 0 },
      configuration: { voters: [1] },
    })
  })

  test('never touches a folder that holds anything', () => {
    const disk = emptyDisk().process()
    disk.makeFolderSync(folder)
    disk.openSync(`${folder}/notes.txt`, 'create').close()
    expect(codeOf(() => formatNode(disk, testPlan(), 'n1', folder))).toBe('QUORATE_DATA_EXISTS')
    expect(disk.listSync(folder)).toEqual(['notes.txt'])
  })

  test('refuses a node that the plan does not have', () => {
    const disk = emptyDisk().process()
    expect(codeOf(() => formatNode(disk, testPlan(), 'n9', folder))).toBe(
      'QUORATE_INVALID_ARGUMENT',
    )
  })

  test('interrupted anywhere leaves no folder, and can be done again', () => {
    for (let step = 0; step < 24; step += 1) {
      const disk = emptyDisk(`interrupted-${step}`)
      disk.fail({ operation: 'sync', path: /./, code: 'EIO', times: 1 })
      // Lets `step` syncs pass before one fails.
      const process = disk.process()
      let syncs = 0
      const original = disk.faultOf.bind(disk)
      disk.faultOf = (operation, path) => {
        if (operation !== 'sync') return undefined
        syncs += 1
        return syncs > step ? original(operation, path) : undefined
      }
      const code = codeOf(() => formatNode(process, testPlan(), 'n1', folder))
      disk.crash('power')
      if (code === 'none') break
      expect(code).toBe('QUORATE_STORAGE_FAILED')
      const again = disk.process()
      disk.clearFaults()
      if (again.existsSync(folder))
        expect(openStorage(again, folder, options).executedIndex).toBe(0)
      else formatNode(again, testPlan(), 'n1', folder)
    }
  })
})

describe('opening', () => {
  const open = (disk: SimulatedDisk) => codeOf(() => openStorage(disk.process(), folder, options))

  test('a missing or an empty folder says that it is not formatted', () => {
    const disk = emptyDisk()
    expect(open(disk)).toBe('QUORATE_DATA_NOT_FORMATTED')
    disk.process().makeFolderSync(folder)
    disk.process().openSync(`${folder}/pid`, 'create').close()
    expect(open(disk)).toBe('QUORATE_DATA_NOT_FORMATTED')
  })

  test('a folder of somebody else says so', () => {
    const disk = emptyDisk()
    disk.process().makeFolderSync(folder)
    disk.process().openSync(`${folder}/postgresql.conf`, 'create').close()
    expect(open(disk)).toBe('QUORATE_DATA_FOREIGN')
  })

  test('a folder of another format version says so', () => {
    const disk = emptyDisk()
    formatNode(disk.process(), testPlan(), 'n1', folder)
    const bytes = encodeCheckedText({ magic: 'quorate-identity', formatVersion: 2 })
    for (const path of [`${folder}/identity`, `${folder}/wal/identity`]) {
      replaceFileSync(disk.process(), path, bytes)
    }
    expect(open(disk)).toBe('QUORATE_FORMAT_VERSION')
  })

  test('a folder with parts of another node says that it is damaged', () => {
    const disk = emptyDisk()
    formatNode(disk.process(), testPlan(), 'n1', folder)
    const other = { ...testPlan(), clusterId: 'f'.repeat(16) }
    formatNode(disk.process(), other, 'n1', '/data/n2')
    const process = disk.process()
    for (const name of ['identity', 'hard.A']) {
      process.removeSync(`${folder}/${name}`)
      process.renameSync(`/data/n2/${name}`, `${folder}/${name}`)
      expect(open(disk)).toBe('QUORATE_STORAGE_DAMAGED')
    }
  })
})
