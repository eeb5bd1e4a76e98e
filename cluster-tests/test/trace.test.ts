import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import {
  checkLine,
  parsePlan,
  quorate,
  runPlan,
  traceHeading,
  traceKinds,
  traceLine,
  traceText,
} from 'quorate/laboratory'
import { describe, expect, test } from 'vitest'

const path = resolve(import.meta.dirname, '../mutants/ack-before-sync.json')
const plan = parsePlan(JSON.parse(readFileSync(path, 'utf8')))
const columns = /^ *(\d+\.\d{3}) (\S+) +(\S+) +(\S.*)$/
const replay = async (options: string, environment: Readonly<Record<string, string>> = {}) => {
  const words = options.split(' ').filter((word) => word !== '')
  const { exitCode, stdout, stderr } = await quorate(['chaos', 'replay', path, ...words], {
    environment,
  })
  const lines = stdout.trimEnd().split('\n').slice(1)
  const rows = lines.map((line) => columns.exec(line) ?? [line])
  return { exitCode, stderr, rows }
}

describe('a trace', () => {
  test('has the columns that are documented', () => {
    const events: readonly (readonly [number, string, object])[] = [
      [0, 'phase', { name: 'faults' }],
      [0, 'away', { nodes: [] }],
      [1030.6761, 'fault', { fault: 'cut', nodes: ['n1', 'c2'], forMs: 400 }],
      [1091.2, 'raft.leader-elected', { node: 'n2', group: '3-0', term: 2 }],
      [1092, 'msg', { node: 'n1', from: 'n2', text: '3-0 heartbeat t2 commit 4 read 1' }],
      [1092, 'commit', { node: 'n1', text: '3-0 up to 4, by the leader of t2' }],
      [1093.25, 'disk', { node: 'n1', text: 'sync /data' }],
      [1093.5, 'storage.damaged', { node: 'n3', from: 16, file: 'f', group: undefined }],
      [1094, 'membership.waiting', { node: 'n3' }],
      [1094, 'membership.add-node', { error: undefined }],
      [2000, 'send', { client: 'c1', value: '<p0-7>' }],
      [2001, 'send.acked', { client: 'c1', value: '<p0-7>', partition: 0, offset: 7 }],
      [2002, 'send.unknown', { client: 'c1', value: '<p0-8>', error: 'timed out' }],
      [123456.789, 'call.offsets', { client: 'reader', error: undefined }],
    ]
    const lines = [
      traceHeading,
      ...events.map((event) => traceText(traceLine(...event))),
      traceText(checkLine(2003, 'two leaders')),
    ]
    expect(lines.join('\n')).toBe(`\
        ms where   kind   what
     0.000 -       phase  if it stops here: faults
     0.000 -       phase  everybody comes back
  1030.676 n1,c2   fault  cut for 400 ms
  1091.200 n2      elect  leads 3-0 in t2
  1092.000 n2>n1   msg    3-0 heartbeat t2 commit 4 read 1
  1092.000 n1      commit 3-0 up to 4, by the leader of t2
  1093.250 n1      disk   sync /data
  1093.500 n3      log    storage.damaged from=16 file=f
  1094.000 n3      log    membership.waiting
  1094.000 -       call   membership.add-node
  2000.000 c1      send   <p0-7>
  2001.000 c1      ack    <p0-7> acked at 0@7
  2002.000 c1      ack    <p0-8> unknown: timed out
123456.789 reader  call   call.offsets
  2003.000 -       check  two leaders`)
  })

  test('changes nothing in the run', () => {
    const seen = new Set<string>()
    const traced = runPlan(plan, (ms, event, fields) => {
      seen.add(traceLine(ms, event, fields).kind)
    })
    expect(traced.hash).toBe(runPlan(plan).hash)
    // A plan without faults, on a sound build.
    const never = ['fault', 'check']
    expect([...seen].sort()).toEqual(traceKinds.filter((kind) => !never.includes(kind)).toSorted())
  })

  test('shows an entry on the disks of a quorum before it is acknowledged', async () => {
    const { exitCode, rows } = await replay('--trace --only disk,ack')
    expect(exitCode).toBe(0)
    expect(new Set(rows.map(([, , , kind]) => kind))).toEqual(new Set(['disk', 'ack', 'check']))
    const acked = rows.findIndex(([, , , , what]) => what === '<p0-0> acked at 0@0')
    const nodes = rows
      .slice(0, acked)
      .filter(([, , , , what]) => /^write\+sync .* with <p0-0>/.test(what!))
      .map(([, , where]) => where)
    expect(new Set(nodes).size).toBeGreaterThanOrEqual(2)
    expect(rows.at(-1)![4]).toBe('nothing violated')
  })

  test('of a build with a bug ends with what was violated, whatever is left out', async () => {
    const bug = {
      CHAOS_MUTANT: 'ack-before-sync',
      NODE_OPTIONS: `--import=${new URL('../src/mutants/break.ts', import.meta.url).href}`,
    }
    const { exitCode, rows } = await replay('--trace --only phase --to 0', bug)
    expect(exitCode).toBe(1)
    expect(rows.at(-1)!.slice(2, 4)).toEqual(['-', 'check'])
    expect(rows.at(-1)![4]).toContain('was acked at')
  })

  test('is cut to a node and a time', async () => {
    const { rows } = await replay('--trace --node n2 --from 200 --to 700')
    const between = rows.slice(0, -1)
    expect(between.length).toBeGreaterThan(10)
    for (const [, ms, where] of between) {
      expect(Number(ms)).toBeGreaterThanOrEqual(200)
      expect(Number(ms)).toBeLessThanOrEqual(700)
      expect(where!.split(/[>,]/)).toContain('n2')
    }
    expect(between.some(([, , where]) => where!.startsWith('n2>'))).toBe(true)
  })

  test.each([
    ['--trace --only weather', '--only is of phase'],
    ['--node n1', 'need --trace'],
    ['--trace -o json', 'leave -o json away'],
    ['--trace --from soon', '--from is a whole number'],
  ])('is not asked for by %s', async (options, words) => {
    const { exitCode, stderr } = await replay(options)
    expect(exitCode).toBe(2)
    expect(stderr).toContain(words)
  })
})
