import { Simulation } from '@quorate/actors/testing'
import { chunksOf } from '@quorate/protocol'
import { describe, expect, test } from 'vitest'
import type { ByteLink, LinkHandlers, Network } from '../../src/mesh/network.ts'
import { SimulatedNetwork } from '../../src/simulation/simulated-network.ts'

const address = '10.0.0.2:4222'

class End {
  readonly bytes: number[] = []
  readonly chunks: number[] = []
  link: ByteLink | undefined
  closed: { error: Error | undefined } | undefined
  closedCount = 0
  drained = 0
  readonly handlers: LinkHandlers = {
    data: (chunk) => {
      this.chunks.push(chunk.byteLength)
      this.bytes.push(...chunk)
    },
    closed: (error) => {
      this.closed = { error }
      this.closedCount += 1
    },
    drained: () => {
      this.drained += 1
    },
  }

  get code(): unknown {
    return (this.closed?.error as { code?: unknown } | undefined)?.code
  }
}

class World {
  readonly simulation: Simulation
  readonly network: SimulatedNetwork
  readonly a: Network
  readonly accepted: End[] = []

  constructor(seed: string, options: ConstructorParameters<typeof SimulatedNetwork>[2] = {}) {
    this.simulation = new Simulation(seed)
    this.network = new SimulatedNetwork(this.simulation, this.simulation.random, options)
    this.a = this.network.host('a')
    this.listen(this.network.host('b'))
  }

  listen(network: Network): void {
    network.listen(
      address,
      (link) => {
        const end = new End()
        end.link = link
        this.accepted.push(end)
        return end.handlers
      },
      (error) => {
        if (error !== undefined) throw error
      },
    )
    this.simulation.runUntil(this.simulation.nowMs + 1)
  }

  /** An end at `a`, connected after the next few milliseconds if nothing is wrong. */
  connect(timeoutMs?: number): End {
    const end = new End()
    const open = (link: ByteLink): void => {
      end.link = link
    }
    this.a.connect(address, end.handlers, open, timeoutMs === undefined ? undefined : { timeoutMs })
    return end
  }

  run(forMs: number): void {
    this.simulation.runUntil(this.simulation.nowMs + forMs)
  }

  /** A connected pair. */
  pair(): { near: End; far: End } {
    const near = this.connect()
    this.run(10)
    return { near, far: this.accepted.at(-1)! }
  }
}

const numbers = (count: number, from = 0): number[] =>
  Array.from({ length: count }, (_, index) => (from + index) % 256)
const bytes = (count: number, from = 0): Uint8Array => Uint8Array.from(numbers(count, from))

describe('a link', () => {
  test('delivers all bytes in order, both ways, in chunks of at most 64 KiB', () => {
    const world = new World('order')
    const { near, far } = world.pair()
    near.link!.write(chunksOf(bytes(100_000), bytes(50_000, 7)))
    far.link!.write(bytes(10))
    world.run(0.1)
    near.link!.write(bytes(5, 99))
    world.run(20)
    expect(far.bytes).toEqual([...numbers(100_000), ...numbers(50_000, 7), ...numbers(5, 99)])
    expect(near.bytes).toEqual(numbers(10))
    expect(Math.max(...far.chunks)).toBe(65_536)
  })

  test('takes between 0.2 and 1 ms one way', () => {
    const world = new World('latency')
    const { near, far } = world.pair()
    for (let round = 0; round < 20; round++) {
      const seen = far.bytes.length
      near.link!.write(bytes(1))
      world.run(0.19)
      expect(far.bytes.length).toBe(seen)
      world.run(0.82)
      expect(far.bytes.length).toBe(seen + 1)
    }
  })

  test('gathers what is written in one moment', () => {
    const world = new World('gather')
    const { near, far } = world.pair()
    for (let count = 0; count < 10; count++) near.link!.write(bytes(3))
    world.run(5)
    expect(far.chunks).toEqual([30])
  })

  test('gives the receiver memory of its own', () => {
    const world = new World('copy')
    const { near, far } = world.pair()
    const sent = bytes(4)
    near.link!.write(sent)
    world.run(5)
    sent.fill(0)
    expect(far.bytes).toEqual(numbers(4))
  })

  test('end delivers what was written and closes both ends without error, once', () => {
    const world = new World('end')
    const { near, far } = world.pair()
    near.link!.write(bytes(3))
    near.link!.end()
    near.link!.write(bytes(3))
    world.run(10)
    expect(far.bytes).toEqual(numbers(3))
    expect([near.closed, far.closed]).toEqual([{ error: undefined }, { error: undefined }])
    expect([near.closedCount, far.closedCount]).toEqual([1, 1])
    expect(world.network.links).toBe(0)
  })

  test('destroy loses what this moment wrote and calls closed on a later turn', () => {
    const world = new World('destroy')
    const { near, far } = world.pair()
    near.link!.write(bytes(3))
    near.link!.destroy()
    expect(near.closed).toBeUndefined()
    world.run(10)
    expect(near.closedCount).toBe(1)
    expect(far.bytes).toEqual([])
    expect(far.closedCount).toBe(1)
  })

  test('a paused receiver gets nothing, the sender sees a backlog and then that it drained', () => {
    const world = new World('pause', { sendBufferBytes: 1_000 })
    const { near, far } = world.pair()
    far.link!.pause()
    near.link!.write(bytes(5_000))
    world.run(50)
    expect(far.bytes).toEqual([])
    expect(near.link!.backlogBytes).toBe(4_000)
    expect(near.drained).toBe(0)
    far.link!.resume()
    world.run(5)
    expect(far.bytes).toEqual(numbers(5_000))
    expect(near.link!.backlogBytes).toBe(0)
    expect(near.drained).toBe(1)
  })

  test('a paused process gets its bytes when it goes on', () => {
    const simulation = new Simulation('sigstop')
    const network = new SimulatedNetwork(simulation, simulation.random)
    const host = simulation.host('b')
    const far = new End()
    network.host('b', host).listen(
      address,
      () => far.handlers,
      () => {},
    )
    simulation.runUntil(1)
    let link: ByteLink | undefined
    const opened = (opening: ByteLink): void => {
      link = opening
    }
    network.host('a').connect(address, new End().handlers, opened)
    simulation.runUntil(10)
    host.pause()
    link!.write(bytes(3))
    simulation.runUntil(500)
    link!.write(bytes(3, 3))
    simulation.runUntil(1_000)
    expect(far.bytes).toEqual([])
    host.resume()
    simulation.runUntil(1_010)
    expect(far.bytes).toEqual(numbers(6))
  })

  test('bandwidth spreads bytes over time', () => {
    const world = new World('bandwidth', { bandwidthBytesPerMs: 1_000 })
    const { near, far } = world.pair()
    for (let part = 0; part < 3; part++) {
      near.link!.write(bytes(10_000))
      world.run(0.01)
    }
    world.run(15)
    expect(far.bytes.length).toBe(10_000)
    world.run(17)
    expect(far.bytes.length).toBe(30_000)
  })
})

describe('connecting', () => {
  test('is refused where nobody listens, and after the listener closed', () => {
    const world = new World('refused')
    const end = new End()
    world.a.connect('10.0.0.9:1', end.handlers, () => {})
    expect(end.closed).toBeUndefined()
    world.run(5)
    expect(end.code).toBe('ECONNREFUSED')
  })

  test('an address is bound once; port 0 takes a free one', () => {
    const world = new World('bind')
    const results: unknown[] = []
    const c = world.network.host('c')
    c.listen(
      address,
      () => new End().handlers,
      (error) => results.push((error as { code?: unknown } | undefined)?.code),
    )
    c.listen(
      'h:0',
      () => new End().handlers,
      (_, listener) => results.push(listener.address),
    )
    c.listen(
      'h:0',
      () => new End().handlers,
      (_, listener) => results.push(listener.address),
    )
    c.listen(
      'nonsense',
      () => new End().handlers,
      (error) => results.push(error?.message),
    )
    world.run(1)
    expect(results.slice(0, 3)).toEqual(['EADDRINUSE', 'h:40000', 'h:40001'])
    expect(results[3]).toContain('host:port')
  })
})

describe('faults', () => {
  test('a cut holds bytes and connections; healed in time, nothing was lost', () => {
    const world = new World('cut')
    const { near, far } = world.pair()
    world.network.cut('a', 'b')
    near.link!.write(bytes(3))
    const waiting = world.connect()
    world.run(5_000)
    expect(far.bytes).toEqual([])
    expect(waiting.link).toBeUndefined()
    world.network.heal('a', 'b')
    world.run(1_500)
    expect(far.bytes).toEqual(numbers(3))
    expect(waiting.link).toBeDefined()
    expect(world.network.counters).toMatchObject({ cut: 1, broken: 0 })
  })

  test('a cut in one direction lets the other pass', () => {
    const world = new World('one-way')
    const { near, far } = world.pair()
    world.network.cut('a', 'b', 'forward')
    near.link!.write(bytes(3))
    far.link!.write(bytes(4))
    world.run(1_000)
    expect(far.bytes).toEqual([])
    expect(near.bytes).toEqual(numbers(4))
    expect(world.network.counters.cut).toBe(1)
  })

  test('a link with held bytes breaks in the end, and its other end learns of it after healing', () => {
    const world = new World('broken', { breakAfterMs: 2_000 })
    const { near, far } = world.pair()
    world.network.cut('a', 'b')
    near.link!.write(bytes(3))
    world.run(2_100)
    expect(near.code).toBe('ETIMEDOUT')
    expect(far.closed).toBeUndefined()
    world.network.healAll()
    world.run(5)
    expect(far.bytes).toEqual([])
    expect(far.code).toBe('ECONNRESET')
    expect(world.network.counters).toMatchObject({ cut: 1, broken: 1 })
    expect(world.network.links).toBe(0)
  })

  test('an attempt to connect over a cut path times out', () => {
    const world = new World('syn')
    world.network.cut('b', 'a', 'forward')
    const end = world.connect(700)
    world.run(699)
    expect(end.closed).toBeUndefined()
    world.run(2)
    expect(end.code).toBe('ETIMEDOUT')
  })

  test('isolation cuts a host from all others until it rejoins', () => {
    const world = new World('isolate')
    const { near, far } = world.pair()
    world.network.isolate('b')
    near.link!.write(bytes(1))
    world.run(100)
    expect(far.bytes).toEqual([])
    world.network.rejoin('b')
    world.run(5)
    expect(far.bytes).toEqual(numbers(1))
    expect(world.network.counters).toMatchObject({ isolate: 1, cut: 0 })
  })

  test('a stall holds bytes for its time and breaks nothing', () => {
    const world = new World('stall', { breakAfterMs: 100 })
    const { near, far } = world.pair()
    world.network.stall('a', 'b', 300)
    near.link!.write(bytes(3))
    world.run(299)
    expect(far.bytes).toEqual([])
    world.run(5)
    expect(far.bytes).toEqual(numbers(3))
    expect(world.network.counters).toMatchObject({ stall: 1, broken: 0 })
  })

  test('a delay slows down and keeps the order', () => {
    const world = new World('delay')
    const { near, far } = world.pair()
    world.network.delay('a', 'b', { extraMs: 50, jitterMs: 100 })
    for (let part = 0; part < 20; part++) {
      near.link!.write(bytes(2, part * 2))
      world.run(1)
    }
    world.run(29)
    expect(far.bytes).toEqual([])
    world.run(200)
    expect(far.bytes).toEqual(numbers(40))
    expect(world.network.counters.delay).toBe(1)
  })

  test('splitting cuts chunks at arbitrary places and loses nothing', () => {
    const world = new World('split')
    const { near, far } = world.pair()
    world.network.split('a', 'b', 900)
    near.link!.write(bytes(1_000))
    world.run(5)
    expect(far.bytes).toEqual(numbers(1_000))
    expect(far.chunks.length).toBeGreaterThan(2)
    expect(world.network.counters.split).toBe(1)
  })

  test('refused connections count; links that stand go on', () => {
    const world = new World('refuse')
    const { near, far } = world.pair()
    world.network.refuse('b', true)
    const end = world.connect()
    near.link!.write(bytes(1))
    world.run(5)
    expect(end.code).toBe('ECONNREFUSED')
    expect(far.bytes).toEqual(numbers(1))
    world.network.refuse('b', false)
    const next = world.connect()
    world.run(5)
    expect(next.link).toBeDefined()
    expect(world.network.counters.refuse).toBe(1)
  })

  test('a reset delivers a part of what was under way and closes both ends with ECONNRESET', () => {
    let partial = 0
    for (let seed = 0; seed < 20; seed++) {
      const world = new World(`reset-${seed}`)
      const { near, far } = world.pair()
      near.link!.write(bytes(200))
      world.network.reset('a', 'b')
      world.run(10)
      expect(far.bytes).toEqual(numbers(far.bytes.length))
      expect(far.bytes.length).toBeLessThan(200)
      if (far.bytes.length > 0) partial += 1
      expect([near.code, far.code]).toEqual(['ECONNRESET', 'ECONNRESET'])
      expect(world.network.counters).toMatchObject({ reset: 1, 'half-sent': 1 })
    }
    expect(partial).toBeGreaterThan(10)
  })

  test('a crashed process resets its links, refuses new ones, and can come back', () => {
    const world = new World('crash')
    const { near, far } = world.pair()
    far.link!.write(bytes(100))
    near.link!.write(bytes(100))
    world.network.crash('b')
    const refused = world.connect()
    world.run(10)
    expect(near.code).toBe('ECONNRESET')
    expect(near.bytes.length).toBeLessThan(100)
    expect(far.closed).toBeUndefined()
    expect(far.bytes).toEqual([])
    expect(refused.code).toBe('ECONNREFUSED')
    world.listen(world.network.host('b'))
    expect(world.pair().near.link).toBeDefined()
    expect(world.network.counters.crash).toBe(1)
  })

  test('a crashed machine is silent until it is back, then it resets old links', () => {
    const world = new World('machine')
    const { near } = world.pair()
    world.network.crash('b', 'machine')
    const dialled = world.connect(500)
    world.run(1_000)
    expect(near.closed).toBeUndefined()
    expect(dialled.code).toBe('ETIMEDOUT')
    world.listen(world.network.host('b'))
    world.run(10)
    expect(near.code).toBe('ECONNRESET')
  })

  test('writes to a crashed machine break the link in the end', () => {
    const world = new World('machine-write', { breakAfterMs: 1_000 })
    const { near } = world.pair()
    world.network.crash('b', 'machine')
    near.link!.write(bytes(10))
    world.run(1_100)
    expect(near.code).toBe('ETIMEDOUT')
  })

  test('a fault that nothing meets does not count', () => {
    const world = new World('idle')
    world.pair()
    world.network.cut('a', 'c')
    world.network.isolate('c')
    world.network.stall('b', 'c', 100)
    world.network.delay('b', 'c', { extraMs: 1, jitterMs: 0 })
    world.network.refuse('c', true)
    world.network.reset('b', 'c')
    world.network.crash('c')
    world.run(1_000)
    expect(new Set(Object.values(world.network.counters))).toEqual(new Set([0]))
  })
})

test('the same seed gives the same history, another seed another one', () => {
  const history = (seed: string): string => {
    const world = new World(seed)
    const { near, far } = world.pair()
    world.network.split('a', 'b', 500)
    world.network.delay('a', 'b', { extraMs: 1, jitterMs: 5 })
    for (let round = 0; round < 50; round++) {
      near.link!.write(bytes(round * 10))
      far.link!.write(bytes(round))
      world.run(0.7)
      if (round === 30) world.network.stall('a', 'b', 5)
    }
    world.network.reset('a', 'b')
    world.run(50)
    return world.simulation.hash
  }
  expect(history('one')).toBe(history('one'))
  expect(history('one')).not.toBe(history('two'))
})

describe('a path that holds or slows bytes', () => {
  test('clogged, nothing arrives and nothing breaks until it is healed', () => {
    const world = new World('clog')
    const { near, far } = world.pair()
    world.network.clog('a', 'b')
    near.link!.write(bytes(10))
    world.run(60_000)
    expect(far.bytes).toEqual([])
    world.network.heal('a', 'b')
    world.run(2)
    expect(far.bytes).toEqual(numbers(10))
    expect(near.closedCount).toBe(0)
    expect(world.network.counters.stall).toBe(1)
  })

  test.each(['heal', 'healAll'] as const)('slow, it carries so many bytes, until %s', (how) => {
    const world = new World('slow')
    const { near, far } = world.pair()
    world.network.slow('a', 'b', 20)
    near.link!.write(bytes(2_000))
    world.run(50)
    near.link!.write(bytes(20_000))
    world.run(45)
    expect(far.bytes).toHaveLength(0)
    world.run(7)
    expect(far.bytes).toHaveLength(2_000)
    world.run(500)
    expect(far.bytes).toHaveLength(2_000)
    world.network[how]('a', 'b')
    world.run(2)
    expect(far.bytes).toHaveLength(22_000)
    near.link!.write(bytes(5_000))
    world.run(2)
    expect(far.bytes).toHaveLength(27_000)
    expect(world.network.counters.slow).toBe(1)
  })
})
