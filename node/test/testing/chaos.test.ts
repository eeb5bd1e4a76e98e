import { topic } from '@quorate/client'
import fc from 'fast-check'
import {
  ChaosFailure,
  chaosTest,
  type Fault,
  type FaultKind,
  faultKinds,
  faultPlan,
  faults,
  parseFaultPlan,
  runChaos,
  type Scenario,
  testCluster,
} from 'quorate/testing'
import { describe, expect, test } from 'vitest'

const steps = topic<number>('steps')

/** Works in two writes, and finds out when a crash has left it between them. */
const twoWrites: Scenario = async (c, list) => {
  c.process('worker', async ({ store, sleep }) => {
    if ((await store.get('begun')) !== undefined) throw new Error('begun and not done')
    for (;;) {
      await store.set('begun', true)
      await store.write({ begun: undefined, done: true })
      await sleep('50ms')
    }
  })
  await c.underFaults(list, () => c.advance('1s'))
}

async function failureOf(scenario: Scenario, options: Parameters<typeof runChaos>[2]) {
  const error: unknown = await runChaos('a scenario', scenario, options).catch((thrown) => thrown)
  if (error instanceof ChaosFailure) return error
  throw new Error('no failure', { cause: error })
}

// Registered with vitest itself, as a user would.
chaosTest('writing in two steps holds while nothing is killed', twoWrites, {
  test,
  seed: 1,
  runs: 2,
  nodes: 1,
  faults: { kinds: ['pause', 'partition', 'skewClock'] },
})

describe('a chaos run', () => {
  test('finds a crash between two writes, makes the plan small, and says how to have it again', async () => {
    const options = {
      seed: 100,
      nodes: 1,
      runs: 50,
      faults: { kinds: ['crash', 'pause'] },
    } as const
    const failure = await failureOf(twoWrites, options)
    expect(failure.plan.faults).toHaveLength(1)
    expect(failure.plan.faults[0]).toMatchObject({ fault: 'crash' })
    expect(failure.message).toContain('process worker threw: begun and not done')
    expect(failure.message).toContain(`plan ${JSON.stringify(failure.plan)}`)
    expect(failure.message).toMatch(/\d+ ms {2}worker is killed/)

    const again = await failureOf(twoWrites, { plan: failure.plan })
    expect(again.timeline).toEqual(failure.timeline)
    const drawnAgain = await failureOf(twoWrites, { ...options, runs: failure.run })
    expect(drawnAgain.plan).toEqual(failure.plan)
  }, 60_000)

  test('that holds says how much it went through', async () => {
    const report = await runChaos('nothing', twoWrites, {
      seed: 1,
      runs: 3,
      nodes: 1,
      faults: { kinds: ['pause'] },
    })
    expect(report).toMatchObject({ seed: 1, runs: 3 })
    expect(report.virtualMs).toBeGreaterThan(3_000)
  })

  test('of a scenario that fails without faults says so', async () => {
    const scenario: Scenario = async (c, list) => {
      await c.underFaults(list, () => {})
      throw new Error('always')
    }
    const failure = await failureOf(scenario, { seed: 1, nodes: 1 })
    expect(failure.plan.faults).toEqual([])
    expect(failure.message).toContain('it fails without any fault')
    expect(failure.cause).toMatchObject({ message: 'always' })
  })

  test('made smaller does not slip from one assertion to another', async () => {
    const scenario: Scenario = async (c, list) => {
      await c.underFaults(list, () => {})
      if (list.length > 1) expect(list.length).toBe(0)
      expect(list.length).toBe(0)
    }
    const failure = await failureOf(scenario, { seed: 5, nodes: 1, faults: { kinds: ['pause'] } })
    expect(failure.plan.faults).toHaveLength(2)
  })

  test('of a scenario that does nothing under faults is refused', async () => {
    await expect(runChaos('idle', async () => {}, { seed: 1, nodes: 1 })).rejects.toThrow(
      /has not called c.underFaults/,
    )
  })

  test('is registered with the runner that is given, and under vitest only so', async () => {
    const registered: { name: string; run: () => Promise<void>; timeoutMs: number }[] = []
    const runner = (name: string, run: () => Promise<void>, timeoutMs: number) =>
      registered.push({ name, run, timeoutMs })
    chaosTest('holds', async (c, list) => c.underFaults(list, () => {}), {
      test: runner,
      runs: 1,
      nodes: 1,
    })
    expect(registered).toMatchObject([{ name: 'holds', timeoutMs: 300_000 }])
    await registered[0]!.run()
    expect(() => chaosTest('nowhere', async () => {})).toThrow(/under vitest, give its `test`/)
  })
})

const expected: Readonly<
  Record<FaultKind, readonly [target: string, begins: RegExp, ends: RegExp]>
> = {
  crash: ['process:0', /^worker is killed$/, /^worker starts$/],
  power: ['leader:0', /^n\d loses its power$/, /^n\d starts$/],
  stop: ['node:1', /^n2 is told to stop$/, /^n2 starts$/],
  pause: ['worker', /^worker stands still$/, /^worker runs again$/],
  partition: ['client:0', /^client1 cut off from everybody$/, /^client1 is reached again$/],
  skewClock: ['process:3', /^the clock of worker jumps by 7000 ms$/, /jumps by -7000 ms$/],
  corrupt: ['leader:metadata', /^a bit of \/data\/.* of n\d changes$/, /./],
  fillDisk: ['node:0', /^the disk of n1 is full$/, /^the disk of n1 has room$/],
}

describe('faults', () => {
  test.each(faultKinds)('of kind %s strike, and are undone in the end', async (kind) => {
    await using c = await testCluster({ seed: 21 })
    const q = await c.connect()
    await q.admin.createTopic(steps, { partitions: 1 })
    const worker = c.process('worker', async ({ sleep }) => {
      for (;;) await sleep('1s')
    })
    const producer = q.producer()
    const [target, begins, ends] = expected[kind]
    const fault: Fault = { atMs: 300, fault: kind, target, forMs: 400 }
    await c.underFaults([fault], async () => {
      for (let n = 0; n < 10; n += 1) {
        await producer.send(steps, n)
        await c.sleep('100ms')
      }
    })
    const texts = c.timeline.map(({ text }) => text)
    const at = texts.findIndex((text) => begins.test(text))
    expect(at, texts.join('\n')).toBeGreaterThan(-1)
    expect(
      texts.slice(at).some((text) => ends.test(text)),
      texts.join('\n'),
    ).toBe(true)
    expect(worker.running).toBe(true)
    await c.until(async () => (await q.admin.clusterStatus()).nodes.every(({ up }) => up))
  })

  test('aimed at nobody do nothing', async () => {
    await using c = await testCluster({ seed: 22, nodes: 1 })
    const list: Fault[] = [
      { atMs: 0, fault: 'crash', target: 'process:0', forMs: 100 },
      { atMs: 0, fault: 'pause', target: 'nobody', forMs: 100 },
      { atMs: 0, fault: 'power', target: 'leader:0', forMs: 100 },
    ]
    const before = c.timeline.length
    await c.underFaults(list, () => {})
    expect(c.timeline.length).toBe(before)
  })

  test('that are drawn are valid, within their bounds, and shrink to fewer', () => {
    const mix = faults({ kinds: ['crash', 'partition'], within: '1s', most: 4 })
    const drawn = fc.sample(mix, { seed: 3, numRuns: 200 })
    for (const list of drawn) {
      expect(list.length).toBeLessThanOrEqual(4)
      parseFaultPlan({ version: 1, seed: 0, nodes: 3, faults: list })
      for (const { fault, atMs } of list) {
        expect(['crash', 'partition']).toContain(fault)
        expect(atMs).toBeLessThanOrEqual(1_000)
      }
    }
    const { counterexample } = fc.check(
      fc.property(faultPlan({ nodes: 5 }), (plan) => {
        parseFaultPlan(JSON.parse(JSON.stringify(plan)))
        return !plan.faults.some(({ fault }) => fault === 'corrupt')
      }),
      { seed: 4 },
    )
    const [plan] = counterexample!
    expect(plan.faults).toHaveLength(1)
    expect(plan.faults[0]).toMatchObject({ fault: 'corrupt', atMs: 0, forMs: 100 })
  })

  test.each([
    ['version', { version: 2 }],
    ['seed', { seed: -1 }],
    ['nodes', { nodes: 2 }],
    ['faults[0].fault', { faults: [{ atMs: 0, fault: 'explode', target: 'n1', forMs: 0 }] }],
    ['faults[0].target', { faults: [{ atMs: 0, fault: 'power', target: 'process:0', forMs: 0 }] }],
    ['faults[0].forMs', { faults: [{ atMs: 0, fault: 'crash', target: 'n1', forMs: -1 }] }],
    [
      'faults[0].afterCalls',
      { faults: [{ atMs: 0, fault: 'pause', target: 'n1', forMs: 0, afterCalls: 1 }] },
    ],
  ])('of a plan whose %s is wrong are refused by name', (name, change) => {
    const plan = { version: 1, seed: 0, nodes: 3, faults: [], ...change }
    expect(() => parseFaultPlan(plan)).toThrow(`fault plan: ${name} cannot be`)
  })
})
