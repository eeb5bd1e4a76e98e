// The data folder of a local cluster: `n1`, `n2`, … in it, formatted once, all together, and only
// when the folder is empty: first in `<data>.tmp`, then renamed, so that a half-formatted cluster
// never exists under its name. The plan stays beside them as `plan.json`, so that nodes can be added,
// replaced and removed; nodes that joined are started with the others. Whoever holds the lock of the
// folder is its one `dev`; the lock is taken on the temporary folder already and moves with it.
import { randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { QuorateError } from '@quorate/protocol'
import { createNodeDisk } from '../storage/disk-node.ts'
import { formatNode } from '../storage/format.ts'
import { readIdentitySync } from '../storage/identity.ts'
import { lockDataFolder } from '../storage/lock-node.ts'
import { membersOfPlan, newPlan, type Plan } from '../storage/plan.ts'
import { folderError } from './folder-error.ts'
import { planText, readPlanFile } from './plan-file.ts'

export interface DevData {
  readonly folder: string
  readonly clusterId: string
  readonly nodes: readonly { readonly id: string; readonly folder: string }[]
  readonly lock: { release(): void }
}

export interface DevDataOptions {
  /** Number of nodes; undefined: what the folder holds, or three. */
  readonly nodes: number | undefined
  /** Data of earlier runs are not wanted, and those of this run are removed at its end. */
  readonly ephemeral: boolean
}

const defaultNodes = 3
const planFile = 'plan.json'
/** Marks data that nobody wants to keep, so that only such data are ever removed. */
const ephemeralFile = 'ephemeral'
const bystanders = new Set(['dev.json', 'dev.json.tmp', 'lock', 'pid', '.DS_Store', 'lost+found'])

/** Throws a QuorateError; nothing is changed then. */
export async function openDevData(data: string, options: DevDataOptions): Promise<DevData> {
  const folder = existsSync(data) ? realpathSync(data) : resolve(data)
  try {
    if (options.ephemeral) await removeEphemeral(folder)
    const lock =
      namesIn(folder).length === 0 ? await format(folder, options) : await lockDataFolder(folder)
    try {
      const nodes = nodesIn(folder, options.nodes)
      // Data of an ephemeral run that was killed are wanted after all.
      if (!options.ephemeral) rmSync(join(folder, ephemeralFile), { force: true })
      return { folder, lock, ...nodes }
    } catch (error) {
      lock.release()
      throw error
    }
  } catch (error) {
    throw folderError(error, `--data ${data}`)
  }
}

/** To be called with all nodes stopped. */
export function closeDevData({ folder, lock }: DevData, keep: boolean): void {
  // The lock may have been taken under the folder's earlier name: its pid file is left to us.
  rmSync(keep ? join(folder, 'pid') : folder, { recursive: true, force: true })
  lock.release()
}

function nodesIn(folder: string, wanted: number | undefined): Pick<DevData, 'clusterId' | 'nodes'> {
  const names = namesIn(folder)
  const first = names.find((name) => /^n\d+$/.test(name))
  if (first === undefined) {
    const some = names.slice(0, 3).join(', ')
    throw new QuorateError('QUORATE_DATA_FOREIGN', `${folder} holds ${some}`)
  }
  const disk = createNodeDisk()
  const identity = readIdentitySync(disk, join(folder, first))
  const { clusterId } = identity
  const ids = membersOfPlan(planIn(folder) ?? identity.plan).nodes.map(({ nodeId }) => nodeId)
  const count = ids.length
  if (wanted !== undefined && wanted !== count) {
    const detail = `${folder} holds a cluster of ${count} nodes, --nodes is ${wanted}`
    throw new QuorateError('QUORATE_DATA_EXISTS', detail)
  }
  const nodes = ids.map((id) => ({ id, folder: join(folder, id) }))
  for (const { id, folder: nodeFolder } of nodes) {
    if (!names.includes(id)) {
      const detail = `${nodeFolder} is missing, the cluster has ${count} nodes`
      throw new QuorateError('QUORATE_STORAGE_DAMAGED', detail)
    }
    const found = readIdentitySync(disk, nodeFolder)
    if (found.clusterId !== clusterId) throw new QuorateError('QUORATE_WRONG_CLUSTER', nodeFolder)
    if (found.nodeId !== id) {
      throw new QuorateError('QUORATE_WRONG_NODE', `${nodeFolder} is of node ${found.nodeId}`)
    }
  }
  return { clusterId, nodes }
}

async function format(folder: string, options: DevDataOptions): Promise<DevData['lock']> {
  const temporary = `${folder}.tmp`
  mkdirSync(temporary, { recursive: true, mode: 0o700 })
  const lock = await lockDataFolder(temporary)
  try {
    // Somebody else may have been here before the lock was ours.
    if (namesIn(folder).length > 0) throw new QuorateError('QUORATE_DATA_IN_USE', folder)
    for (const name of namesIn(temporary)) rmSync(join(temporary, name), { recursive: true })
    writeNodes(temporary, options.nodes ?? defaultNodes)
    if (options.ephemeral) writeFileSync(join(temporary, ephemeralFile), '')
    rmSync(folder, { recursive: true, force: true })
    renameSync(temporary, folder)
    createNodeDisk().syncFolderSync(dirname(folder))
    return lock
  } catch (error) {
    lock.release()
    throw error
  }
}

function writeNodes(folder: string, count: number): void {
  const ids = Array.from({ length: count }, (_, index) => `n${index + 1}`)
  // Ports are chosen at each start and given as flags: the addresses of the plan are never used.
  const nodes = ids.map((id, index) => ({ id, address: `127.0.0.1:${4222 + index}` }))
  const plan = newPlan(nodes, (digits) => randomBytes(digits / 2).toString('hex'))
  writeFileSync(join(folder, planFile), planText(plan), { mode: 0o600 })
  for (const id of ids) formatNode(createNodeDisk(), plan, id, join(folder, id))
}

/** Folders of an earlier version have none. */
function planIn(folder: string): Plan | undefined {
  const file = join(folder, planFile)
  return existsSync(file) ? readPlanFile(file) : undefined
}

/** What a `dev --ephemeral` left that was killed; other data are never removed. */
async function removeEphemeral(folder: string): Promise<void> {
  const names = namesIn(folder)
  if (names.length === 0) return
  if (!names.includes(ephemeralFile)) {
    const detail = `${folder}, and --ephemeral removes what it starts with`
    throw new QuorateError('QUORATE_DATA_EXISTS', detail)
  }
  const locks = [await lockDataFolder(folder)]
  try {
    for (const name of names.filter((each) => /^n\d+$/.test(each))) {
      locks.push(await lockDataFolder(join(folder, name)))
    }
    rmSync(folder, { recursive: true, force: true })
  } finally {
    for (const lock of locks) lock.release()
  }
}

/** What is in a folder that counts; nothing when it does not exist. */
function namesIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).filter((name) => !bystanders.has(name))
}
