import { keyedRandom } from '@quorate/actors'
import { Simulation } from '@quorate/actors/testing'
import { describe, expect, test } from 'vitest'
import { initialMetadata } from '../../src/metadata/initial.ts'
import { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'
import { formatNode } from '../../src/storage/format.ts'
import {
  isMember,
  type JoinedNode,
  membersOfPlan,
  newPlan,
  type Plan,
  parsePlan,
} from '../../src/storage/plan.ts'
import { openStorage } from '../../src/storage/storage.ts'
import { folder, smallOptions } from './harness.ts'

const options = { ...smallOptions, random: keyedRandom('joined') }

function threeNodes(): Plan {
  const nodes = [1, 2, 3].map((n) => ({ id: `n${n}`, address: `h:${n}` }))
  return newPlan(nodes, (digits) => 'a'.repeat(digits))
}

const added: JoinedNode = {
  id: 'n4',
  incarnation: 'b'.repeat(16),
  address: 'h:4',
  metadataReplicaId: 1007,
  sinceIndex: 12,
}
const replaced: JoinedNode = { ...added, id: 'n2', address: 'h:22', metadataReplicaId: 1009 }

function openAs(plan: Plan, nodeId: string) {
  const simulation = new Simulation('joined')
  const { random } = simulation
  const disk = new SimulatedDisk({ name: 'disk', scheduler: simulation, random })
  disk.process().makeFolderSync('/data')
  disk.process().syncFolderSync('/')
  formatNode(disk.process(), plan, nodeId, folder)
  disk.crash('power')
  return openStorage(disk.process(), folder, options)
}

describe('a plan with nodes that joined later', () => {
  const plan = { ...threeNodes(), joined: [added, replaced] }

  test('stands for the same state of the metadata group', () => {
    expect(initialMetadata(plan).snapshot()).toEqual(initialMetadata(threeNodes()).snapshot())
    expect(parsePlan(JSON.stringify(plan))).toEqual(plan)
  })

  test('formats an added node as a learner that knows no voters', () => {
    const opened = openAs(plan, 'n4')
    expect(opened.identity).toMatchObject({ nodeId: 'n4', incarnation: added.incarnation })
    expect(opened.identity.plan.joined).toEqual(plan.joined)
    expect(opened.groups.get('0-0')).toMatchObject({
      replicaId: 1007,
      configuration: { voters: [] },
    })
  })

  test('formats a replaced node as what it is now, never as what it was', () => {
    const opened = openAs(plan, 'n2')
    expect(opened.identity.incarnation).toBe(replaced.incarnation)
    expect(opened.groups.get('0-0')).toMatchObject({
      replicaId: 1009,
      configuration: { voters: [] },
    })
    expect(openAs(plan, 'n3').groups.get('0-0')).toMatchObject({
      replicaId: 3,
      configuration: { voters: [1, 2, 3] },
    })
  })

  test('names the members as they are now', () => {
    const { index, nodes } = membersOfPlan(plan)
    expect(index).toBe(12)
    expect(nodes.map(({ nodeId, address }) => `${nodeId} ${address}`)).toEqual([
      'n1 h:1',
      'n2 h:22',
      'n3 h:3',
      'n4 h:4',
    ])
    expect(nodes.every(isMember)).toBe(true)
    expect(isMember({ ...nodes[0], incarnation: 'x' })).toBe(false)
    expect(isMember(null)).toBe(false)
  })

  test('does not count a node the cluster has not agreed to, and does not format it', () => {
    const waiting = { ...added, metadataReplicaId: 0, sinceIndex: 0 }
    const early = { ...threeNodes(), joined: [waiting] }
    expect(membersOfPlan(early)).toMatchObject({ index: 0 })
    expect(membersOfPlan(early).nodes).toHaveLength(3)
    expect(() => openAs(early, 'n4')).toThrow(/has not agreed to n4/)
  })

  test.each([
    ['joined nodes', 'x'],
    ['incarnation', [{ ...added, incarnation: 'x' }]],
    ['joined node', [{ ...added, sinceIndex: -1 }]],
    ['joined node ids', [added, added]],
  ])('with no valid %s is refused', (what, joined) => {
    expect(() => parsePlan(JSON.stringify({ ...threeNodes(), joined }))).toThrow(
      expect.objectContaining({
        code: 'QUORATE_INVALID_ARGUMENT',
        detail: `the plan has no valid ${what}`,
      }),
    )
  })
})
