import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { addressList, runFormat } from '../../src/cli/server-format.ts'
import { UsageError } from '../../src/cli/usage-error.ts'
import { createNodeDisk } from '../../src/storage/disk-node.ts'
import { readIdentitySync } from '../../src/storage/identity.ts'

let root: string
let plan: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'quorate-format-'))
  plan = join(root, 'plan.json')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const nodes = '10.0.0.1:4222,10.0.0.2:4222,10.0.0.3:4222'

describe('server format', () => {
  test('writes a plan that only its owner can read, and never over another file', () => {
    runFormat({ newPlan: plan, nodes })
    expect(statSync(plan).mode & 0o777).toBe(0o600)
    const written = readFileSync(plan, 'utf8')
    const { formatVersion, clusterId, secret, nodes: planned } = JSON.parse(written)
    expect(formatVersion).toBe(1)
    expect(clusterId).toMatch(/^[0-9a-f]{16}$/)
    expect(secret).toMatch(/^[0-9a-f]{64}$/)
    expect(planned).toMatchObject([
      { id: 'n1', address: '10.0.0.1:4222', voter: true },
      { id: 'n2', address: '10.0.0.2:4222', voter: true },
      { id: 'n3', address: '10.0.0.3:4222', voter: true },
    ])
    expect(() => runFormat({ newPlan: plan, nodes })).toThrow(
      expect.objectContaining({ code: 'QUORATE_DATA_EXISTS' }),
    )
    expect(readFileSync(plan, 'utf8')).toBe(written)
  })

  test('formats a folder for one node of the plan, once', () => {
    runFormat({ newPlan: plan, nodes })
    const data = join(root, 'n2')
    runFormat({ plan, node: 'n2', data })
    expect(readIdentitySync(createNodeDisk(), data)).toMatchObject({
      nodeId: 'n2',
      clusterId: JSON.parse(readFileSync(plan, 'utf8')).clusterId,
    })
    expect(() => runFormat({ plan, node: 'n2', data })).toThrow(
      expect.objectContaining({ code: 'QUORATE_DATA_EXISTS' }),
    )
    expect(() => runFormat({ plan, node: 'n9', data: join(root, 'n9') })).toThrow(
      expect.objectContaining({ code: 'QUORATE_INVALID_ARGUMENT' }),
    )
    expect(existsSync(join(root, 'n9'))).toBe(false)
  })

  test('makes the folders above, and refuses the name of a file', () => {
    runFormat({ newPlan: plan, nodes })
    const data = join(root, 'var', 'lib', 'n1')
    runFormat({ plan, node: 'n1', data })
    expect(readIdentitySync(createNodeDisk(), data).nodeId).toBe('n1')
    for (const wrong of [plan, join(plan, 'below')]) {
      expect(() => runFormat({ plan, node: 'n1', data: wrong })).toThrow(
        expect.objectContaining({
          code: 'QUORATE_INVALID_ARGUMENT',
          detail: expect.stringContaining(wrong),
        }),
      )
    }
  })

  test.each([
    ['no JSON', 'QUORATE_INVALID_ARGUMENT'],
    ['{"formatVersion":2}', 'QUORATE_FORMAT_VERSION'],
    ['{"formatVersion":1}', 'QUORATE_INVALID_ARGUMENT'],
  ])('refuses the plan %j', (text, code) => {
    writeFileSync(plan, text)
    const run = () => runFormat({ plan, node: 'n1', data: join(root, 'n1') })
    expect(run).toThrow(expect.objectContaining({ code }))
  })

  test('says which file it cannot read or write', () => {
    const missing = join(root, 'no', 'plan.json')
    for (const run of [
      () => runFormat({ plan: missing, node: 'n1', data: join(root, 'n1') }),
      () => runFormat({ newPlan: missing, nodes }),
    ]) {
      expect(run).toThrow(
        expect.objectContaining({
          code: 'QUORATE_INVALID_ARGUMENT',
          detail: expect.stringContaining(missing),
        }),
      )
    }
  })

  test.each([
    {},
    { newPlan: 'p' },
    { plan: 'p' },
    { plan: 'p', node: 'n1' },
    { newPlan: 'p', nodes, plan: 'p' },
  ])('calls %j a usage error', (options) => {
    expect(() => runFormat(options)).toThrow(UsageError)
  })

  test.each([
    ['a:1,b:2', '1, 3 or 5 addresses'],
    ['a:1,b:2,a:1', 'twice'],
    ['a:0', 'no port'],
    ['a', 'not host:port'],
    ['', 'not host:port'],
  ])('refuses the addresses %j', (text, words) => {
    expect(() => addressList(text)).toThrow(words)
  })
})
