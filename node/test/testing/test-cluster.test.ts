import { topic } from '@quorate/client'
import { type TestCluster, testCluster } from 'quorate/testing'
import { describe, expect, test, vi } from 'vitest'

interface Order {
  readonly id: string
  readonly amount: number
}

const orders = topic<Order>('orders', { key: (order) => order.id })

async function withOrders(c: TestCluster) {
  const q = await c.connect()
  await q.admin.createTopic(orders, { partitions: 2 })
  return q
}

describe('a test cluster', () => {
  test('gives the real client, and virtual time passes only while the test waits for it', async () => {
    await using c = await testCluster({ seed: 1 })
    const q = await withOrders(c)
    const producer = q.producer()
    const sent = await Promise.all(
      ['a', 'b', 'c'].map((id, amount) => producer.send(orders, { id, amount })),
    )
    expect(sent.every(({ offset }) => offset >= 0)).toBe(true)
    const read = []
    for await (const { value } of q.stream(orders, { until: 'end' })) read.push(value.id)
    expect(read.toSorted()).toEqual(['a', 'b', 'c'])

    const before = c.now()
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(c.now()).toBe(before)
    await c.advance('1m')
    // Events lie between whole milliseconds.
    expect(Math.abs(c.now() - before - 60_000)).toBeLessThanOrEqual(1)
  })

  test('gives the same hash for the same seed and scenario, and another one for another seed', async () => {
    const scenario = async (seed: number) => {
      await using c = await testCluster({ seed })
      const q = await withOrders(c)
      const producer = q.producer()
      c.process('reader', async ({ connect, store, sleep, random }) => {
        const own = await connect()
        for await (const { partition, offset } of own.stream(orders)) {
          await store.set(`${partition}/${offset}`, random())
          await sleep(Math.floor(random() * 10))
        }
      })
      for (let n = 0; n < 20; n += 1) {
        await producer.send(orders, { id: `o${n}`, amount: n })
        if (n === 5) await c.crash(await c.leader(orders))
        if (n === 10) await c.restart('reader')
      }
      await c.advance('5s')
      return c.hash
    }
    const first = await scenario(7)
    expect(await scenario(7)).toBe(first)
    expect(await scenario(8)).not.toBe(first)
  })
})

describe('a fault', () => {
  test('of a leader is survived: sends go on with the next one', async () => {
    await using c = await testCluster({ seed: 2 })
    const q = await withOrders(c)
    const producer = q.producer()
    const leader = await c.leader(orders, 0)
    await c.crash(leader, { power: true })
    await producer.send(orders, { id: 'x', amount: 1 }, { partition: 0 })
    expect(await c.leader(orders, 0)).not.toBe(leader)
    await c.restart(leader)
    await c.until(async () => (await q.admin.clusterStatus()).nodes.every(({ up }) => up))
    expect(c.timeline.map(({ text }) => text)).toContain(`${leader} loses its power`)
  })

  test('that cuts a client off ends with heal', async () => {
    await using c = await testCluster({ seed: 3 })
    const q = await withOrders(c)
    const producer = q.producer()
    await c.partition('client1')
    let settled = false
    const send = producer.send(orders, { id: 'x', amount: 1 }).then(() => {
      settled = true
    })
    await c.advance('10s')
    expect(settled).toBe(false)
    await c.heal()
    await send
  })

  test('aimed at a name nobody has is refused, and says who there is', async () => {
    await using c = await testCluster({ seed: 4, nodes: 1 })
    await expect(c.crash('n2')).rejects.toThrow(/nobody is named "n2"; there are n1/)
    await expect(c.partition('n1', ['nobody'])).rejects.toMatchObject({
      code: 'QUORATE_INVALID_ARGUMENT',
    })
    await c.connect('me')
    await expect(c.crash('me')).rejects.toThrow(/a client of the test itself/)
  })

  test('fills a disk: what the node leads takes no records until there is room', async () => {
    await using c = await testCluster({ seed: 17 })
    const q = await withOrders(c)
    const producer = q.producer()
    await c.fillDisk(await c.leader(orders, 0))
    await c.advance('2s')
    let stored = false
    const send = producer.send(orders, { id: 'x', amount: 1 }, { partition: 0 }).then(() => {
      stored = true
    })
    await c.advance('10s')
    expect(stored).toBe(false)
    await c.freeDisk(await c.leader(orders, 0))
    await send
    await expect(c.fillDisk('client1')).rejects.toThrow(/client1 is no node/)
  })

  test('that fills a disk for a while ends by itself', async () => {
    await using c = await testCluster({ seed: 18, nodes: 1 })
    await c.fillDisk('n1', { for: '5s' })
    const q = await withOrders(c)
    await c.advance('2s')
    const before = c.now()
    await q.producer().send(orders, { id: 'x', amount: 1 })
    expect(c.now() - before).toBeGreaterThan(2_000)
  })

  test('does not come of the largest record there may be', async () => {
    await using c = await testCluster({ seed: 19, nodes: 1 })
    const q = await withOrders(c)
    await q.producer().send(topic<string>('orders'), 'x'.repeat(982_000))
    c.check()
  })

  test('changes a bit of a file: the node finds it and everything can still be read', async () => {
    await using c = await testCluster({ seed: 5 })
    const q = await withOrders(c)
    const producer = q.producer()
    for (let n = 0; n < 50; n += 1) await producer.send(orders, { id: `o${n}`, amount: n })
    await c.advance('10s')
    expect(await c.corrupt('n2', { file: 'wal' })).toMatch(/wal/)
    await c.restart('n2')
    await c.advance('20s')
    const read = []
    for await (const { value } of q.stream(orders, { until: 'end' })) read.push(value.id)
    expect(read).toHaveLength(50)
    c.check()
  })
})

describe('a process', () => {
  test('that is killed never goes on, keeps its store, and runs anew after a restart', async () => {
    await using c = await testCluster({ seed: 6, nodes: 1 })
    let resumed = false
    const counter = c.process('counter', async ({ store, sleep }) => {
      await store.set('lives', ((await store.get<number>('lives')) ?? 0) + 1)
      await sleep('1m')
      resumed = true
    })
    await c.advance('1s')
    await c.crash('counter')
    expect(counter.running).toBe(false)
    await c.advance('2m')
    expect(resumed).toBe(false)
    await c.restart('counter')
    await c.advance('1s')
    expect(counter.stored()).toEqual([['lives', 2]])
  })

  test('that throws fails the test, and is started again with restartAfter', async () => {
    await using c = await testCluster({ seed: 7, nodes: 1 })
    c.process('broken', async () => {
      throw new Error('no config')
    })
    await expect(c.advance('1s')).rejects.toMatchObject({
      reason: 'process-failed',
      message: 'process broken threw: no config',
    })
    let lives = 0
    c.process(
      'supervised',
      async ({ sleep }) => {
        lives += 1
        await sleep('1s')
        throw new Error('again')
      },
      { restartAfter: '1s' },
    )
    await c.advance('5s')
    expect(lives).toBe(3)
  })

  test('that waits for a real timer is named, with the place', async () => {
    await using c = await testCluster({ seed: 8, nodes: 1 })
    c.process('impatient', async ({ sleep }) => {
      await sleep('1s')
      await new Promise((resolve) => setTimeout(resolve, 5))
    })
    await expect(c.advance('5s')).rejects.toThrow(
      /process impatient used a timer: use `sleep` of its context, which is not simulated, at .*test-cluster\.test\.ts/,
    )
  })

  test.each([
    ['Date.now()', 'now', () => Date.now()],
    ['new Date()', 'now', () => new Date()],
    ['performance.now()', 'now', () => performance.now()],
    ['Math.random()', 'random', () => Math.random()],
    ['crypto.randomUUID()', 'random', () => crypto.randomUUID()],
  ])('that uses %s is named, with the place', async (call, instead, use) => {
    await using c = await testCluster({ seed: 8, nodes: 1 })
    use()
    c.process('timely', async ({ connect, sleep, now }) => {
      const q = await connect()
      await q.admin.createTopic('t')
      await sleep('1s')
      await Promise.resolve()
      expect(new Date(now())).toBeInstanceOf(Date)
      use()
    })
    await expect(c.advance('5s')).rejects.toMatchObject({
      reason: 'not-simulated',
      message: expect.stringMatching(
        `process timely used ${call.replace('()', '\\(\\)')}: use \`${instead}\` of its context, which is not simulated, at .*test-cluster\\.test\\.ts`,
      ),
    })
  })

  test('may look at real clocks at the pace of the real clock', async () => {
    await using c = await testCluster({ seed: 8, nodes: 1, time: 'real' })
    let looked = 0
    c.process('real', async () => {
      looked = Date.now()
    })
    await c.until(() => looked > 0)
  })

  test('has its signal aborted by stop, and time to end', async () => {
    await using c = await testCluster({ seed: 9, nodes: 1 })
    const worker = c.process('worker', async ({ signal, sleep, store }) => {
      while (!signal.aborted) await sleep('1s')
      await store.set('ended', true)
    })
    await c.advance('10s')
    await c.stop('worker')
    expect(worker.stored()).toEqual([['ended', true]])
  })

  test('that is killed while it is told to stop has ended', async () => {
    await using c = await testCluster({ seed: 9, nodes: 1 })
    const worker = c.process('worker', ({ sleep }) => sleep('1h'))
    await c.advance('1s')
    const stopped = c.stop('worker')
    await c.crash('worker')
    await stopped
    expect(worker.running).toBe(false)
  })

  test('stands still while it is paused', async () => {
    await using c = await testCluster({ seed: 10, nodes: 1 })
    let ticks = 0
    c.process('ticker', async ({ sleep }) => {
      for (;;) {
        await sleep('1s')
        ticks += 1
      }
    })
    await c.advance('3500ms')
    await c.pause('ticker', { for: '10s' })
    await c.advance('9s')
    expect(ticks).toBe(3)
    await c.advance('3s')
    expect(ticks).toBeGreaterThan(3)
  })
})

describe('waiting', () => {
  test('in vain ends, and says what for', async () => {
    await using c = await testCluster({ seed: 11, nodes: 1 })
    const q = await withOrders(c)
    await expect(q.stream(orders).next()).rejects.toMatchObject({ reason: 'stuck' })
  })

  test('until something is true has a limit', async () => {
    await using c = await testCluster({ seed: 12, nodes: 1 })
    const process = c.process('waiter', async ({ connect }) => {
      const q = await connect()
      await q.admin.createTopic('waited-for')
      await q.stream(topic('waited-for')).next()
    })
    expect(process.running).toBe(true)
    const untilNever = c.until(() => false, { within: '5s' })
    await expect(untilNever).rejects.toThrow(
      /not true after 5s; seed 12\n {2}waiter waits for waiter\.stream\.next since \d+ ms/,
    )
    await expect(c.until(() => c.now() > 0)).resolves.toBeUndefined()
  })

  test('at the pace of the real clock takes real time', async () => {
    await using c = await testCluster({ seed: 13, nodes: 1, time: 'real' })
    const started = performance.now()
    await c.advance(200)
    expect(performance.now() - started).toBeGreaterThanOrEqual(199)
  })

  test('at that pace lets processes use real timers', async () => {
    await using c = await testCluster({ seed: 15, nodes: 1, time: 'real' })
    let woken = false
    c.process('real', async ({ sleep }) => {
      await sleep(1)
      await new Promise((resolve) => setTimeout(resolve, 5))
      woken = true
    })
    await c.until(() => woken)
  })

  test('goes on under fake timers of the runner', async () => {
    vi.useFakeTimers()
    try {
      await using c = await testCluster({ seed: 16, nodes: 1 })
      const q = await withOrders(c)
      await q.producer().send(orders, { id: 'x', amount: 1 })
    } finally {
      vi.useRealTimers()
    }
  })

  test('after the end is refused', async () => {
    const c = await testCluster({ seed: 14, nodes: 1 })
    await c.close()
    await c.close()
    await expect(c.advance(1)).rejects.toMatchObject({ code: 'QUORATE_CLOSED' })
  })
})
