import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ActorSystem } from '../src/index.ts'
import { eventClass, Simulation, simulatedEpochMs } from '../src/testing/index.ts'

describe('simulation', () => {
  test('events run by time, then class, then the order they were added', () => {
    const simulation = new Simulation('order')
    const seen: string[] = []
    const add = (atMs: number, kind: number, name: string) =>
      simulation.at(atMs, kind, () => seen.push(name))
    add(2, eventClass.fault, 'later')
    add(1, eventClass.turn, 'turn')
    add(1, eventClass.timer, 'first timer')
    add(1, eventClass.timer, 'second timer')
    add(0.5, eventClass.turn, 'between')
    while (simulation.step());
    expect(seen).toEqual(['between', 'first timer', 'second timer', 'turn', 'later'])
  })

  test('any set of events comes out sorted', () => {
    const events = fc.array(fc.tuple(fc.nat({ max: 20 }), fc.nat({ max: 4 })), {
      maxLength: 200,
      size: 'max',
    })
    fc.assert(
      fc.property(events, (list) => {
        const simulation = new Simulation('sorted')
        const seen: number[] = []
        list.forEach(([atMs, kind], i) => {
          simulation.at(atMs, kind, () => seen.push(i))
        })
        simulation.runUntil(100)
        const key = (i: number) => list[i]![0] * 1e6 + list[i]![1] * 1e3 + i
        expect(seen).toEqual(list.map((_, i) => i).sort((a, b) => key(a) - key(b)))
      }),
      { numRuns: 100 },
    )
  })

  test('runUntil includes its end and leaves the clock there', () => {
    const simulation = new Simulation('until')
    const seen: number[] = []
    for (const atMs of [5, 10, 11]) simulation.at(atMs, 0, () => seen.push(atMs))
    simulation.runUntil(10)
    expect([seen, simulation.nowMs]).toEqual([[5, 10], 10])
    expect(simulation.runUntilTrue(() => seen.includes(11), 50)).toBe(true)
    expect(simulation.nowMs).toBe(11)
    expect(simulation.runUntilTrue(() => false, 50)).toBe(false)
    expect(simulation.nowMs).toBe(50)
  })

  test('a crashed host never fires again, and its name can be used by the next life', () => {
    const simulation = new Simulation('crash')
    const host = simulation.host('n1')
    const seen: string[] = []
    expect(() => simulation.host('n1')).toThrow('is alive')
    host.setTimer(() => seen.push('timer'), 10)
    host.nextTurn(() => seen.push('turn'))
    simulation.at(5, eventClass.disk, () => seen.push('owned'), host)
    simulation.at(5, eventClass.disk, () => seen.push('world'))
    host.crash()
    host.setTimer(() => seen.push('timer after the crash'), 1)
    host.nextTurn(() => seen.push('turn after the crash'))
    const next = simulation.host('n1')
    next.setTimer(() => seen.push('next life'), 20)
    simulation.runUntil(100)
    expect(seen).toEqual(['world', 'next life'])
  })

  test('a paused host runs what it missed when it goes on, and nothing early', () => {
    const simulation = new Simulation('pause')
    const host = simulation.host('n1')
    const seen: string[] = []
    const note = (name: string) => () => seen.push(`${name}@${simulation.nowMs}`)
    host.setTimer(note('missed'), 10)
    host.setTimer(note('future'), 100)
    const cancelled = host.setTimer(note('cancelled'), 12)
    simulation.runUntil(5)
    host.pause()
    simulation.runUntil(50)
    expect(seen).toEqual([])
    host.resume()
    host.clearTimer(cancelled)
    simulation.runUntil(200)
    expect(seen).toEqual(['missed@50', 'future@100'])
  })

  test('offset, jump and drift move the clocks they name and no other', () => {
    const simulation = new Simulation('clocks')
    const plain = simulation.host('plain')
    const odd = simulation.host('odd', { wallOffsetMs: 5_000, driftPpm: 10_000 })
    simulation.runUntil(1_000)
    expect([plain.monotonicMs(), odd.monotonicMs()]).toEqual([1_000, 1_010])
    expect(plain.wallMs() - simulatedEpochMs).toBe(1_000)
    expect(odd.wallMs() - simulatedEpochMs).toBe(6_010)
    odd.jumpWall(-10_000)
    expect([odd.monotonicMs(), odd.wallMs() - simulatedEpochMs]).toEqual([1_010, -3_990])
    let firedMs = 0
    odd.setTimer(() => {
      firedMs = odd.monotonicMs()
    }, 100)
    simulation.runUntil(2_000)
    expect(firedMs).toBeGreaterThanOrEqual(1_110)
    expect(firedMs).toBeLessThanOrEqual(1_112)
  })

  test('a run that lets no time pass, or does not end, fails instead of hanging', () => {
    const loop = new Simulation('loop', { maxEventsPerMoment: 100 })
    const again = () => {
      loop.at(loop.nowMs, 0, again)
    }
    again()
    expect(() => loop.runUntil(1)).toThrow('more than 100 events at 0 ms')
    const long = new Simulation('long', { maxEvents: 50 })
    const tick = () => {
      long.at(long.nowMs + 1, 0, tick)
    }
    tick()
    expect(() => long.runUntil(1_000)).toThrow('more than 50 events')
  })

  test('the same seed gives the same hash, and another seed another one', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const hash = chatter(`${seed}`)
        expect(chatter(`${seed}`)).toBe(hash)
        expect(chatter(`${seed + 1}`)).not.toBe(hash)
        expect(hash).toMatch(/^[0-9a-f]{16}$/)
      }),
      { numRuns: 20 },
    )
  })

  test('a note changes the hash, and so does its time', () => {
    const run = (atMs: number, label: string) => {
      const simulation = new Simulation('note')
      simulation.runUntil(atMs)
      simulation.note(label)
      return simulation.hash
    }
    const hashes = [run(1, 'a'), run(1, 'b'), run(2, 'a'), run(1.5, 'a'), run(2 ** 40, 'a')]
    expect(new Set(hashes).size).toBe(5)
    expect(run(1, 'a')).toBe(hashes[0])
  })
})

/** Three hosts whose actors send to random others after random delays, with failures and a crash. */
function chatter(seed: string): string {
  const simulation = new Simulation(seed)
  const names = ['n1', 'n2', 'n3']
  const hosts = names.map((name, i) => simulation.host(name, { driftPpm: i * 500 }))
  const systems = hosts.map((host, i) => {
    const name = names[i]!
    const { random } = simulation
    return new ActorSystem({
      name,
      host,
      random,
      inspect: (record) => simulation.note(`${name} ${record.kind} ${record.path}`),
    })
  })
  systems.forEach((system, i) => {
    system.spawn<number>('talker', () => ({
      started: (context) => context.setTimer('tick', 1 + context.random.integer(`${i}`, 20), 0),
      receive(hops, context) {
        if (hops > 5) throw new Error('tired')
        context.setTimer('tick', 1 + context.random.integer(`${i}/delay`, 20), 0)
        const to = systems[context.random.integer(`${i}/to`, 3)]
        simulation.at(simulation.nowMs + 1, eventClass.network, () => {
          to?.find<number>('talker')?.send(hops + 1)
        })
      },
    }))
  })
  simulation.at(150, eventClass.fault, () => hosts[0]?.crash())
  simulation.runUntil(500)
  return simulation.hash
}
