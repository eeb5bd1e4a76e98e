import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type NodeLoad, placeReplicas } from '../../src/metadata/placement.ts'

const nodesOf = (count: number) => Array.from({ length: count }, (_, at) => `n${at + 1}`)

function spread(values: Iterable<number>): number {
  const all = [...values]
  return Math.max(...all) - Math.min(...all)
}

function loadOf(nodes: readonly string[], placed: readonly (readonly string[])[]) {
  const load = new Map(nodes.map((node) => [node, { replicas: 0, leaders: 0 }]))
  for (const places of placed) {
    for (const [at, node] of places.entries()) {
      const counts = load.get(node)!
      counts.replicas += 1
      if (at === 0) counts.leaders += 1
    }
  }
  return load
}

const shape = fc
  .record({
    nodes: fc.integer({ min: 1, max: 9 }),
    replicas: fc.integer({ min: 1, max: 5 }),
    partitions: fc.integer({ min: 1, max: 40 }),
  })
  .map((drawn) => ({ ...drawn, replicas: Math.min(drawn.replicas, drawn.nodes) }))

describe('a fresh topic', () => {
  test('has its replicas on distinct nodes, and each node has as many as any other, give or take one', () => {
    fc.assert(
      fc.property(shape, ({ nodes: count, replicas, partitions }) => {
        const nodes = nodesOf(count)
        const placed = placeReplicas({ nodes, load: new Map(), partitions, replicas })
        expect(placed).toHaveLength(partitions)
        for (const places of placed) {
          expect(places).toHaveLength(replicas)
          expect(new Set(places).size).toBe(replicas)
        }
        const load = [...loadOf(nodes, placed).values()]
        expect(spread(load.map((each) => each.replicas))).toBeLessThanOrEqual(1)
        expect(spread(load.map((each) => each.leaders))).toBeLessThanOrEqual(1)
      }),
      { numRuns: 300 },
    )
  })

  test('of a typical shape has two leaders per node', () => {
    const placed = placeReplicas({ nodes: nodesOf(3), load: new Map(), partitions: 6, replicas: 3 })
    expect(placed.map(([leader]) => leader)).toEqual(['n1', 'n2', 'n3', 'n1', 'n2', 'n3'])
    expect(placed[0]).toEqual(['n1', 'n2', 'n3'])
    expect(placed[1]).toEqual(['n2', 'n3', 'n1'])
  })
})

function placeAll(count: number, shapes: readonly { partitions: number; replicas: number }[]) {
  const nodes = nodesOf(count)
  const all: string[][] = []
  for (const { partitions, replicas } of shapes) {
    const load = loadOf(nodes, all)
    all.push(...placeReplicas({ nodes, load, partitions, replicas: Math.min(replicas, count) }))
  }
  return [...loadOf(nodes, all).values()]
}

const shapes = fc.array(shape, { minLength: 1, maxLength: 12, size: 'max' })

test('topic after topic, no node gets more than one replica above another', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7 }), shapes, (count, drawn) => {
      const load = placeAll(count, drawn)
      expect(spread(load.map(({ replicas }) => replicas))).toBeLessThanOrEqual(1)
    }),
    { numRuns: 100 },
  )
})

test('topic after topic with a replica on every node, leaders are as even', () => {
  fc.assert(
    fc.property(fc.constantFrom(3, 5), shapes, (count, drawn) => {
      const load = placeAll(
        count,
        drawn.map(({ partitions }) => ({ partitions, replicas: count })),
      )
      expect(spread(load.map(({ leaders }) => leaders))).toBeLessThanOrEqual(1)
    }),
    { numRuns: 100 },
  )
})

test('is the same for the same input, whatever the order of nodes', () => {
  fc.assert(
    fc.property(shape, fc.array(fc.nat(9), { minLength: 9, maxLength: 9 }), (drawn, counts) => {
      const { nodes: count, replicas, partitions } = drawn
      const nodes = nodesOf(count)
      const load = new Map<string, NodeLoad>(
        nodes.map((node, at) => [node, { replicas: counts[at]!, leaders: counts[8 - at]! }]),
      )
      const placed = placeReplicas({ nodes, load, partitions, replicas })
      expect(placeReplicas({ nodes: nodes.toReversed(), load, partitions, replicas })).toEqual(
        placed,
      )
      const own = [...loadOf(nodes, placed).values()]
      expect(spread(own.map((each) => each.replicas))).toBeLessThanOrEqual(1)
      expect(spread(own.map((each) => each.leaders))).toBeLessThanOrEqual(1)
    }),
    { numRuns: 150 },
  )
})

test('what cannot be shared evenly goes to the nodes that have least', () => {
  const load = new Map([
    ['n1', { replicas: 9, leaders: 4 }],
    ['n2', { replicas: 1, leaders: 0 }],
    ['n3', { replicas: 2, leaders: 1 }],
  ])
  expect(placeReplicas({ nodes: nodesOf(3), load, partitions: 1, replicas: 2 })).toEqual([
    ['n2', 'n3'],
  ])
})

test('topics of one partition take turns in who leads', () => {
  const nodes = nodesOf(4)
  for (const replicas of [1, 2, 3, 4]) {
    const all: string[][] = []
    for (let topic = 0; topic < 8; topic++) {
      all.push(...placeReplicas({ nodes, load: loadOf(nodes, all), partitions: 1, replicas }))
    }
    expect([...loadOf(nodes, all).values()].map(({ leaders }) => leaders)).toEqual([2, 2, 2, 2])
  }
})

test('the largest topic is placed in well under a second', () => {
  const input = {
    nodes: nodesOf(64),
    load: new Map<string, NodeLoad>(),
    partitions: 1024,
    replicas: 5,
  }
  const placed = placeReplicas(input)
  expect(
    spread([...loadOf(input.nodes, placed).values()].map(({ leaders }) => leaders)),
  ).toBeLessThanOrEqual(1)
})
