import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Plan, parsePlan } from '../../src/laboratory/plan/plan.ts'
import { planOfSeed } from '../../src/laboratory/plan/plan-of-seed.ts'
import { firstCursor, simpler } from '../../src/laboratory/plan/plan-shrink.ts'
import {
  probeNames,
  probeTable,
  provokeOneIn,
  provokeSites,
  sitesOf,
} from '../../src/laboratory/plan/probe-table.ts'

const repository = join(import.meta.dirname, '../../..')
/** Where the names of the table are declared, and where nothing of a node or client runs. */
const notUses = /(?:\/|^)(?:probes?\.ts|testing\/.*|simulation\/.*|laboratory\/.*|cli\/.*)$/

/** Sources of what runs in nodes and clients, without the tables. */
function productSources(): string[] {
  return ['actors/src', 'raft/src', 'client/src', 'node/src'].flatMap((folder) => {
    const paths = readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' })
    return paths
      .filter((path) => path.endsWith('.ts') && !isTable(path))
      .map((path) => readFileSync(join(repository, folder, path), 'utf8'))
  })
}

function isTable(path: string): boolean {
  // The client's core/probe.ts probes servers.
  return path !== 'core/probe.ts' && notUses.test(path)
}

describe('the table of probes', () => {
  const sources = productSources().join('\n')

  // The other direction, a name that is used and not listed, does not compile.
  test.each(probeNames)('lists %s, which the code uses', (name) => {
    expect(sources).toContain(`'${name}'`)
  })

  test('has no name twice', () => {
    const names = [...Object.keys(probeTable.reached), ...Object.keys(probeTable.provoke)]
    expect(new Set(names).size).toBe(names.length)
  })

  test('has at least 20 sites and 30 branches', () => {
    expect(provokeSites.length).toBeGreaterThanOrEqual(20)
    expect(Object.keys(probeTable.reached).length).toBeGreaterThanOrEqual(30)
  })
})

describe('the sites of a plan', () => {
  const plan = planOfSeed(3)

  test('are none by default, and those that are named', () => {
    const { provoke: _, ...silent } = plan
    expect(sitesOf(silent)).toEqual([])
    expect(sitesOf({ ...plan, provoke: 'none' })).toEqual([])
    expect(sitesOf({ ...plan, provoke: ['mesh.link-reset'] })).toEqual(['mesh.link-reset'])
  })

  test('are each drawn in a quarter of all seeds, the seldom ones in half', () => {
    const seeds = 4_000
    const on = new Map<string, number>()
    for (let seed = 0; seed < seeds; seed += 1) {
      for (const site of sitesOf({ seed, provoke: 'drawn' })) on.set(site, (on.get(site) ?? 0) + 1)
    }
    for (const site of provokeSites) {
      const share = 1 / provokeOneIn(site)
      expect(on.get(site)! / seeds).toBeGreaterThan(share - 0.03)
      expect(on.get(site)! / seeds).toBeLessThan(share + 0.03)
    }
  })

  test('are part of the plan file, and a name that is none is refused', () => {
    const file = { ...plan, provoke: ['mesh.link-reset', 'storage.move-early'] }
    expect(parsePlan(JSON.parse(JSON.stringify(file)))).toEqual(file)
    expect(() => parsePlan({ ...plan, provoke: ['mesh.nothing'] })).toThrow('plan: provoke')
    expect(() => parsePlan({ ...plan, provoke: 'some' })).toThrow('plan: provoke')
  })

  test('are taken away by shrinking: all at once, then one by one', () => {
    const two = { ...plan, steps: [], provoke: ['mesh.link-reset', 'storage.move-early'] as const }
    expect(tamed(two)).toEqual([undefined, ['storage.move-early'], ['mesh.link-reset']])
    const drawn = { ...two, provoke: 'drawn' as const }
    const sites = sitesOf(drawn)
    expect(sites.length).toBeGreaterThan(1)
    const without = sites.map((site) => sites.filter((each) => each !== site))
    expect(tamed(drawn)).toEqual([undefined, ...without])
  })
})

/** What the candidates of shrinking provoke that change nothing else. */
function tamed(plan: Plan): unknown[] {
  const rest = ({ provoke: _, ...others }: Plan) => JSON.stringify(others)
  return [...simpler(plan, firstCursor)]
    .map((candidate) => candidate.plan)
    .filter((each) => rest(each) === rest(plan) && each.provoke !== plan.provoke)
    .map(({ provoke }) => provoke)
}
