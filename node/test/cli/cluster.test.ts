import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClusterMember, ClusterStatus } from '@quorate/client'
import { QuorateError } from '@quorate/protocol'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { statusLines } from '../../src/cli/cluster.ts'
import { drainText, runAddNode, runReplaceNode } from '../../src/cli/cluster-change.ts'
import { groupText, moveText, nodeList, stopText } from '../../src/cli/cluster-moves.ts'
import { waitUntilDone } from '../../src/cli/cluster-wait.ts'
import {
  pendingNode,
  planText,
  readPlanFile,
  withMembers,
  withoutNode,
  withPending,
  writePlanFile,
} from '../../src/cli/plan-file.ts'
import { UsageError } from '../../src/cli/usage-error.ts'
import { membersOfPlan, newPlan, parsePlan, planNode } from '../../src/storage/plan.ts'

const plan = newPlan(
  [1, 2, 3].map((n) => ({ id: `n${n}`, address: `10.0.0.${n}:4222` })),
  (digits) => 'a'.repeat(digits),
)
const fresh = 'b'.repeat(16)
const members = (...joined: ClusterMember[]): ClusterMember[] => [
  ...plan.nodes.map(({ id, incarnation, address }, at) => {
    return { id, incarnation, address, metadataReplicaId: at + 1, sinceIndex: 0 }
  }),
  ...joined,
]
const n4 = { id: 'n4', incarnation: fresh, address: 'h:4', metadataReplicaId: 1007, sinceIndex: 9 }

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'plan-'))
  file = join(folder, 'plan.json')
  writeFileSync(file, planText(plan))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('a plan file', () => {
  test('notes a node before the cluster is asked, and asks for the same again', () => {
    const pending = pendingNode(plan, 'n4', 'h:4', fresh)
    const noted = withPending(plan, pending)
    expect(parsePlan(planText(noted))).toEqual(noted)
    expect(pendingNode(noted, 'n4', 'h:44', 'c'.repeat(16))).toEqual({
      ...pending,
      address: 'h:44',
    })
    expect(withPending(noted, pending)).toEqual(noted)
    // One that is agreed to is not asked for again: it is replaced by another one.
    const agreed = withMembers(noted, members(n4))
    expect(pendingNode(agreed, 'n4', 'h:4', 'c'.repeat(16)).incarnation).toBe('c'.repeat(16))
  })

  test('has what the cluster says, also of nodes that came and went by other hands', () => {
    const there = withMembers(withPending(plan, pendingNode(plan, 'n4', 'h:4', fresh)), [
      ...members(n4).filter(({ id }) => id !== 'n2'),
      { ...n4, id: 'n5', sinceIndex: 11 },
    ])
    expect(there.joined!.map(({ id }) => id)).toEqual(['n4', 'n5'])
    expect(there.left).toEqual(['n2'])
    expect(planNode(there, 'n2')).toBeUndefined()
    expect(membersOfPlan(there).nodes.map(({ nodeId }) => nodeId)).toEqual(['n1', 'n3', 'n4', 'n5'])
    expect(parsePlan(planText(there))).toEqual(there)
  })

  test('forgets a node that was removed, until one of its name is added again', () => {
    const without = withoutNode(withMembers(plan, members(n4)), 'n4')
    expect(without.left).toEqual(['n4'])
    expect(planNode(without, 'n4')).toBeUndefined()
    const again = withPending(without, pendingNode(without, 'n4', 'h:4', fresh))
    expect(again.left).toBeUndefined()
    expect(planNode(withoutNode(plan, 'n1'), 'n1')).toBeUndefined()
  })

  test('is written whole and for nobody else to read', () => {
    const changed = withMembers(plan, members(n4))
    writePlanFile(file, changed)
    expect(readPlanFile(file)).toEqual(changed)
    expect(statSync(file).mode & 0o077).toBe(0)
    expect(() => writePlanFile(join(folder, 'none', 'plan.json'), plan)).toThrow(
      expect.objectContaining({ code: 'QUORATE_INVALID_ARGUMENT' }),
    )
    expect(() => readPlanFile(join(folder, 'none.json'))).toThrow(/none.json/)
  })
})

describe('joining', () => {
  const options = () => ({ server: 'nats://127.0.0.1:1', output: 'table', plan: file })

  test.each([
    [{ address: undefined }, /--address/],
    [{ plan: undefined, address: 'h:4' }, /--plan/],
    [{ address: 'h' }, /h/],
    [{ address: 'h:0' }, /no port/],
    [{ address: 'h:4', output: 'xml' }, /-o is/],
  ])('with %j is a usage error before anything is done', async (wrong, text) => {
    const before = readFileSync(file, 'utf8')
    const run = runAddNode('n4', { ...options(), ...wrong } as never)
    await expect(run).rejects.toThrow(text)
    expect(readFileSync(file, 'utf8')).toBe(before)
  })

  test('takes a node id, and a node that is not in the plan yet', async () => {
    await expect(runAddNode('n 4', { ...options(), address: 'h:4' })).rejects.toThrow(UsageError)
    const known = runAddNode('n2', { ...options(), address: 'h:4' })
    await expect(known).rejects.toMatchObject({ code: 'QUORATE_NODE_EXISTS' })
    const unknown = runReplaceNode('n4', options())
    await expect(unknown).rejects.toMatchObject({ code: 'QUORATE_UNKNOWN_NODE' })
  })
})

describe('waiting', () => {
  const terminal = () => {
    const written: string[] = []
    return { written, write: (text: string) => written.push(text) > 0 }
  }

  test('says what is left on a terminal, and ends when nothing is', async () => {
    const left = ['two left', 'two left', undefined]
    const { written, ...screen } = terminal()
    const wait = waitUntilDone(
      { timeout: '30s' },
      async () => left.shift(),
      screen as unknown as NodeJS.WritableStream,
    )
    await wait
    expect(written).toEqual(['\r\u001b[Ktwo left', '\r\u001b[K'])
  })

  test('asks again after an error that may pass, and ends with one that will not', async () => {
    const answers = [new QuorateError('QUORATE_NO_LEADER'), undefined]
    const next = async () => {
      const answer = answers.shift()
      if (answer !== undefined) throw answer
      return undefined
    }
    await waitUntilDone({ timeout: '30s' }, next, undefined)
    const gone = async () => {
      throw new QuorateError('QUORATE_UNKNOWN_TOPIC', 't')
    }
    await expect(waitUntilDone({ timeout: '30s' }, gone, undefined)).rejects.toMatchObject({
      code: 'QUORATE_UNKNOWN_TOPIC',
    })
  })

  test('gives up in time, and says that the cluster does not', async () => {
    const wait = waitUntilDone({ timeout: '1ms' }, async () => 'one left', undefined)
    await expect(wait).rejects.toMatchObject({
      code: 'QUORATE_TIMEOUT',
      detail: 'one left; it goes on without this command',
    })
    const wrong = waitUntilDone({ timeout: '7' }, async () => undefined, undefined)
    await expect(wrong).rejects.toThrow(UsageError)
  })
})

test('a leaving node is done when the cluster does not know it any more', () => {
  const status = { nodes: [{ node: 'n1' }, { node: 'n4' }], leaving: [], movesCount: 2 }
  expect(drainText('n4', { ...status, leaving: [{ node: 'n4', replicas: 3 }] })).toBe(
    'n4 has 3 replicas left, 2 partitions are on the move',
  )
  expect(drainText('n4', status)).toContain('0 replicas')
  expect(drainText('n9', status)).toBeUndefined()
})

test('a move is done when nobody of before is needed', () => {
  const replica = (node: string, role: string) => ({ node, replicaId: 1, role }) as never
  const state = (removing: string[], role: string) => ({
    partitionStates: [
      {
        partition: 3,
        leader: 'n1',
        term: 1,
        removing,
        replicas: [replica('n1', 'leader'), replica('n4', role)],
      },
    ],
  })
  expect(moveText(3, ['n1', 'n4'], state(['n2'], 'follower'))).toBe('partition 3 still needs n2')
  expect(moveText(3, ['n1', 'n4'], state(['n2'], 'unreachable'))).toContain('answers on n4')
  expect(moveText(3, ['n1', 'n4'], state([], 'follower'))).toBeUndefined()
  expect(moveText(9, ['n1', 'n4'], state(['n2'], 'follower'))).toBeUndefined()
})

test('lists of nodes, names of groups and the answer about a node are as people write them', () => {
  expect(nodeList('n1, n2,n3')).toEqual(['n1', 'n2', 'n3'])
  expect(() => nodeList(undefined)).toThrow(UsageError)
  expect(() => nodeList('n1,,n2')).toThrow(UsageError)
  expect(groupText({ topic: null, partition: 0 })).toBe('metadata')
  expect(groupText({ topic: 'orders', partition: 4 })).toBe('orders/4')
  const reply = { node: 'n2', canStop: true, checked: 7, groups: [], count: 0 }
  expect(stopText(reply)).toContain('can be stopped')
  expect(stopText({ ...reply, canStop: false, count: 1 })).toContain('1 group of 7')
  expect(stopText({ ...reply, canStop: false, count: 3 })).toContain('3 groups of 7')
})

test('the status names what is on the move and what is missing, the first ones and how many more', () => {
  const status: ClusterStatus = {
    clusterId: 'c',
    answeredBy: 'n1',
    metadataLeader: 'n1',
    metadataTerm: 2,
    metadataVoters: ['n1', 'n2', 'n3'],
    topics: 1,
    nodes: [{ node: 'n2', up: false }],
    leaving: [{ node: 'n4', replicas: 2 }],
    moves: [{ topic: 'orders', partition: 0, replicas: ['n1', 'n2', 'n3'], removing: ['n4'] }],
    movesCount: 3,
    underReplicated: [
      { topic: null, partition: 0, voters: 3, missing: ['n2'] },
      { topic: 'orders', partition: 1, voters: 3, missing: ['n2', 'n3'] },
    ],
    underReplicatedCount: 2,
    rebalancing: true,
  }
  expect(statusLines(status)).toEqual([
    'cluster c: 1 topics, metadata leader n1 in term 2',
    '! n2 does not answer',
    '~ n4 is leaving: 2 replicas left',
    '~ replicas are being evened out',
    '~ orders/0 moves to n1, n2, n3; leaving: n4',
    '~ 2 more partitions are on the move',
    '! metadata has 3 replicas; down or behind: n2',
    '! orders/1 has 3 replicas; down or behind: n2, n3',
  ])
})

test('damage of a node is named with its place until it is repaired', () => {
  const place = { file: 'seg-1', from: 100, to: 200, detail: 'entries cannot be read' }
  const node = {
    node: 'n1',
    up: true,
    incarnation: fresh,
    address: 'h:1',
    http: null,
    version: '1',
    ready: true,
    replicas: 3,
    leaders: 1,
    halted: [],
    amnesiac: [],
    retentionHeld: [],
    damage: [
      { state: 'faulty', group: '5-0', firstIndex: 7, lastIndex: 9, ...place },
      { state: 'unknown-tail', group: '6-0', ...place },
      { state: 'amnesiac', group: '7-0', ...place, detail: 'hard state' },
      { state: 'faulty', ...place, detail: 'header' },
    ],
    damageCount: 6,
    refusing: null,
    peersUp: [],
  } as const
  const status = {
    clusterId: 'c',
    answeredBy: 'n1',
    metadataLeader: 'n1',
    metadataTerm: 2,
    metadataVoters: ['n1'],
    topics: 1,
    nodes: [node],
    leaving: [],
    moves: [],
    movesCount: 0,
    underReplicated: [],
    underReplicatedCount: 0,
    rebalancing: false,
  }
  expect(statusLines(status).slice(1)).toEqual([
    '! n1: entries 7 to 9 of 5-0 cannot be read (seg-1 bytes 100 to 200) and are fetched from other nodes',
    '! n1: its replica of 6-0 may have lost its latest entries; it gets them from its leader',
    '! n1: its replica of 7-0 is lost and is replaced: hard state',
    '! n1: seg-1 bytes 100 to 200: header',
    '! n1: 2 more damaged ranges',
  ])
})
