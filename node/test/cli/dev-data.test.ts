// On a real disk, in a folder of its own. No process is started: who holds a lock is this one.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { QuorateError } from '@quorate/protocol'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { closeDevData, type DevDataOptions, openDevData } from '../../src/cli/dev-data.ts'
import { pendingNode, readPlanFile, writePlanFile } from '../../src/cli/plan-file.ts'
import { createNodeDisk } from '../../src/storage/disk-node.ts'
import { formatNode } from '../../src/storage/format.ts'
import { readIdentitySync } from '../../src/storage/identity.ts'
import { lockDataFolder } from '../../src/storage/lock-node.ts'

let root: string
let folder: string

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'quorate-dev-data-')))
  folder = join(root, 'data')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const open = (options: Partial<DevDataOptions> = {}, data = folder) =>
  openDevData(data, { nodes: undefined, ephemeral: false, ...options })

/** Formats and lets go, as a `dev` that has ended. */
async function formatted(options: Partial<DevDataOptions> = {}): Promise<void> {
  const { lock } = await open(options)
  lock.release()
}

async function refusal(opened: Promise<unknown>): Promise<QuorateError> {
  const error = await opened.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(QuorateError)
  return error as QuorateError
}

const identityOf = (node: string) => readIdentitySync(createNodeDisk(), join(folder, node))

describe('data of a local cluster', () => {
  test('are formatted once, for three nodes, and opened again afterwards', async () => {
    const first = await open()
    expect(first.nodes).toEqual(['n1', 'n2', 'n3'].map((id) => ({ id, folder: join(folder, id) })))
    expect(first.nodes.map(({ id }) => identityOf(id).nodeId)).toEqual(['n1', 'n2', 'n3'])
    expect(new Set(first.nodes.map(({ id }) => identityOf(id).incarnation)).size).toBe(3)
    expect(readdirSync(root)).toEqual(['data'])
    first.lock.release()
    const second = await open()
    expect(second.clusterId).toBe(first.clusterId)
    expect(second.nodes).toEqual(first.nodes)
    second.lock.release()
  })

  test('have the number of nodes that was asked for', async () => {
    for (const nodes of [1, 3, 5]) {
      const data = await open({ nodes }, join(root, `data${nodes}`))
      expect(data.nodes).toHaveLength(nodes)
      data.lock.release()
    }
  })

  test('keep their plan, and start the nodes that joined without those that left', async () => {
    await formatted()
    const file = join(folder, 'plan.json')
    expect(statSync(file).mode & 0o077).toBe(0)
    const plan = readPlanFile(file)
    const n4 = pendingNode(plan, 'n4', '127.0.0.1:4225', 'b'.repeat(16))
    const joined = [{ ...n4, metadataReplicaId: 1001, sinceIndex: 3 }]
    writePlanFile(file, { ...plan, joined })
    expect((await refusal(open())).code).toBe('QUORATE_STORAGE_DAMAGED')
    formatNode(createNodeDisk(), readPlanFile(file), 'n4', join(folder, 'n4'))
    writePlanFile(file, { ...plan, joined, left: ['n2'] })
    rmSync(join(folder, 'n2'), { recursive: true })
    const data = await open()
    expect(data.nodes.map(({ id }) => id)).toEqual(['n1', 'n3', 'n4'])
    data.lock.release()
  })

  test('are nobody else’s to read', async () => {
    await formatted()
    expect(statSync(folder).mode & 0o077).toBe(0)
    expect(statSync(join(folder, 'n1', 'secret')).mode & 0o077).toBe(0)
  })

  test('go where a link leads', async () => {
    mkdirSync(join(root, 'disk'))
    symlinkSync(join(root, 'disk'), folder)
    const data = await open()
    expect(data.folder).toBe(join(root, 'disk'))
    expect(readdirSync(join(root, 'disk'))).toContain('n1')
    data.lock.release()
  })

  test('survive a formatting that was cut off', async () => {
    mkdirSync(join(root, 'data.tmp', 'n1'), { recursive: true })
    writeFileSync(join(root, 'data.tmp', 'n1', 'identity'), 'half')
    await formatted()
    expect(identityOf('n1').nodeId).toBe('n1')
    expect(existsSync(join(root, 'data.tmp'))).toBe(false)
  })
})

describe('data are refused, and nothing is changed,', () => {
  test('while another dev uses them', async () => {
    const data = await open()
    expect(await refusal(open())).toMatchObject({
      code: 'QUORATE_DATA_IN_USE',
      detail: expect.stringContaining(String(process.pid)),
    })
    data.lock.release()
  })

  test('while another dev formats them', async () => {
    mkdirSync(join(root, 'data.tmp'))
    const lock = await lockDataFolder(join(root, 'data.tmp'))
    expect(await refusal(open())).toMatchObject({ code: 'QUORATE_DATA_IN_USE' })
    expect(existsSync(folder)).toBe(false)
    lock.release()
  })

  test('when they are of another number of nodes, which the error names', async () => {
    await formatted()
    expect(await refusal(open({ nodes: 5 }))).toMatchObject({
      code: 'QUORATE_DATA_EXISTS',
      detail: `${folder} holds a cluster of 3 nodes, --nodes is 5`,
    })
    await formatted({ nodes: 3 })
  })

  test('when the folder holds something else', async () => {
    mkdirSync(folder)
    writeFileSync(join(folder, 'thesis.txt'), 'years of work')
    for (const ephemeral of [false, true]) {
      const { code, detail } = await refusal(open({ ephemeral }))
      expect(code).toBe(ephemeral ? 'QUORATE_DATA_EXISTS' : 'QUORATE_DATA_FOREIGN')
      expect(detail).toContain(folder)
    }
    expect(readdirSync(folder)).toEqual(['thesis.txt'])
  })

  test('when the name is that of a file', async () => {
    writeFileSync(folder, '')
    expect(await refusal(open())).toMatchObject({ code: 'QUORATE_INVALID_ARGUMENT' })
  })

  test('when a node is missing', async () => {
    await formatted()
    rmSync(join(folder, 'n2'), { recursive: true })
    expect(await refusal(open())).toMatchObject({
      code: 'QUORATE_STORAGE_DAMAGED',
      detail: expect.stringContaining(join(folder, 'n2')),
    })
    expect(readdirSync(folder)).not.toContain('n2')
  })

  test('when a node’s folder is empty', async () => {
    await formatted()
    rmSync(join(folder, 'n2'), { recursive: true })
    mkdirSync(join(folder, 'n2'))
    expect((await refusal(open())).code).toBe('QUORATE_DATA_NOT_FORMATTED')
  })

  test('when a node was copied from its neighbour, or from another cluster', async () => {
    await formatted()
    rmSync(join(folder, 'n2'), { recursive: true })
    cpSync(join(folder, 'n1'), join(folder, 'n2'), { recursive: true })
    expect((await refusal(open())).code).toBe('QUORATE_WRONG_NODE')
    const other = await open({}, join(root, 'other'))
    other.lock.release()
    rmSync(join(folder, 'n2'), { recursive: true })
    cpSync(join(root, 'other', 'n2'), join(folder, 'n2'), { recursive: true })
    expect((await refusal(open())).code).toBe('QUORATE_WRONG_CLUSTER')
  })

  test('and the lock is given back each time', async () => {
    await formatted()
    await refusal(open({ nodes: 1 }))
    await formatted()
  })
})

describe('ephemeral data', () => {
  test('of a run that was killed are replaced, never mixed with new ones', async () => {
    const first = await open({ ephemeral: true })
    first.lock.release()
    const second = await open({ ephemeral: true, nodes: 1 })
    expect(second.clusterId).not.toBe(first.clusterId)
    expect(second.nodes).toHaveLength(1)
    closeDevData(second, false)
    expect(existsSync(folder)).toBe(false)
  })

  test('are never made of data that somebody kept', async () => {
    await formatted()
    const { clusterId } = identityOf('n1')
    expect((await refusal(open({ ephemeral: true }))).code).toBe('QUORATE_DATA_EXISTS')
    expect(identityOf('n1').clusterId).toBe(clusterId)
  })

  test('are kept from then on when a run without --ephemeral opens them', async () => {
    await formatted({ ephemeral: true })
    const { clusterId } = identityOf('n1')
    await formatted()
    expect((await refusal(open({ ephemeral: true }))).code).toBe('QUORATE_DATA_EXISTS')
    expect(identityOf('n1').clusterId).toBe(clusterId)
  })

  test('in use by a node are not removed', async () => {
    await formatted({ ephemeral: true })
    const lock = await lockDataFolder(join(folder, 'n2'))
    expect((await refusal(open({ ephemeral: true }))).code).toBe('QUORATE_DATA_IN_USE')
    expect(identityOf('n2').nodeId).toBe('n2')
    lock.release()
  })
})
