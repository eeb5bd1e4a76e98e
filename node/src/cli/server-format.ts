// `quorate server format`: makes the plan of a cluster, or formats one data folder from a plan.
// Formatting is an act of its own and starting a node never does it, so that a node that lost its
// folder cannot come back as if it had promised nothing.
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { QuorateError } from '@quorate/protocol'
import { parseAddress } from '../mesh/address.ts'
import { createNodeDisk } from '../storage/disk-node.ts'
import { formatNode } from '../storage/format.ts'
import { newPlan } from '../storage/plan.ts'
import { folderError } from './folder-error.ts'
import { planText, readPlanFile } from './plan-file.ts'
import { UsageError } from './usage-error.ts'

interface FormatOptions {
  readonly newPlan?: string
  readonly nodes?: string
  readonly plan?: string
  readonly node?: string
  readonly data?: string
}

export function runFormat(options: FormatOptions): void {
  const { newPlan: newFile, nodes, plan: file, node, data } = options
  if (newFile !== undefined && nodes !== undefined && (file ?? node ?? data) === undefined) {
    writePlan(newFile, addressList(nodes))
  } else if (
    file !== undefined &&
    node !== undefined &&
    data !== undefined &&
    (newFile ?? nodes) === undefined
  ) {
    formatFrom(file, node, resolve(data))
  } else {
    throw new UsageError('give --new-plan with --nodes, or --plan with --node and --data')
  }
}

export function addressList(text: string): string[] {
  const addresses = text.split(',').map((address) => address.trim())
  if (![1, 3, 5].includes(addresses.length)) {
    throw new UsageError(`--nodes takes 1, 3 or 5 addresses by commas, not ${addresses.length}`)
  }
  for (const address of addresses) {
    const { port } = parseAddress(address)
    if (port === 0) throw new UsageError(`--nodes: ${address} has no port others could connect to`)
  }
  if (new Set(addresses).size !== addresses.length)
    throw new UsageError('--nodes: an address is given twice')
  return addresses
}

function writePlan(file: string, addresses: readonly string[]): void {
  const nodes = addresses.map((address, index) => ({ id: `n${index + 1}`, address }))
  const plan = newPlan(nodes, (digits) => randomBytes(digits / 2).toString('hex'))
  try {
    writeFileSync(file, planText(plan), { mode: 0o600, flag: 'wx' })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'EEXIST') throw new QuorateError('QUORATE_DATA_EXISTS', `the plan ${file}`)
    throw new QuorateError('QUORATE_INVALID_ARGUMENT', `--new-plan ${file}`, { cause })
  }
  const ids = nodes.map(({ id }) => id).join(', ')
  process.stderr.write(
    `plan of ${ids} written to ${file}: it holds the cluster secret, keep it to yourself\n` +
      `next, on the machine of each node: quorate server format --plan ${file} --node n1 --data FOLDER\n`,
  )
}

function formatFrom(file: string, node: string, data: string): void {
  const plan = readPlanFile(file)
  try {
    mkdirSync(dirname(data), { recursive: true })
    formatNode(createNodeDisk(), plan, node, data)
  } catch (error) {
    throw folderError(error, `--data ${data}`)
  }
  process.stderr.write(
    `formatted ${data} for node ${node} of cluster ${plan.clusterId}\n` +
      `next: quorate server start --data ${data}\n`,
  )
}
