import { ActorSystem } from '@quorate/actors'
import { Simulation } from '@quorate/actors/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { Later } from '../../src/later.ts'
import { limits } from '../../src/limits.ts'
import type { MetadataMessage } from '../../src/metadata/metadata-message.ts'
import { type StoppedNode, stopNode } from '../../src/node-stop.ts'
import { NodeWatch } from '../../src/node-watch.ts'
import type { PartitionMessage } from '../../src/partition/partition-message.ts'

let simulation: Simulation
let system: ActorSystem

beforeEach(() => {
  simulation = new Simulation('parts')
  const host = simulation.host('n1')
  system = new ActorSystem({ name: 'n1', host, random: simulation.random })
})

function pass(forMs: number): void {
  simulation.runUntil(simulation.nowMs + forMs)
}

describe('later', () => {
  test('runs each after its time, and one that throws takes no other with it', () => {
    const ran: string[] = []
    const failed: unknown[] = []
    const later = system.spawn('later', () => new Later((error) => failed.push(error)))
    later.reply({ delayMs: 30, run: () => ran.push('b') })
    later.reply({
      delayMs: 10,
      run: () => {
        throw new Error('a defect')
      },
    })
    later.reply({ delayMs: 20, run: () => ran.push('a') })
    pass(25)
    expect(ran).toEqual(['a'])
    pass(25)
    expect(ran).toEqual(['a', 'b'])
    expect(failed).toHaveLength(1)
    expect(system.statistics).toMatchObject({ failures: 0, timers: 0 })
  })
})

describe('watch', () => {
  test('a disk that does not sync gives leaderships away until it does, and is told once', () => {
    const events: string[] = []
    let sinceMs: number | undefined
    let handOvers = 0
    let times = 0
    const watched = {
      walOutstandingSinceMs: () => sinceMs,
      handOver: () => {
        handOvers += 1
      },
      tellTime: () => {
        times += 1
      },
      event: (name: string) => events.push(name),
    }
    system.spawn<'look'>('watch', () => new NodeWatch(watched))
    pass(5000)
    expect([handOvers, times]).toEqual([0, 1])
    sinceMs = simulation.nowMs
    pass(2000)
    expect(handOvers).toBe(0)
    pass(1500)
    expect(handOvers).toBe(3)
    sinceMs = undefined
    pass(5000)
    expect(handOvers).toBe(3)
    expect(events).toEqual(['disk.stalled', 'disk.syncing-again'])
  })
})

describe('stop', () => {
  let steps: string[]
  let leading: boolean
  let dead: boolean
  let checkpoints: (() => void)[]
  let sealed: ((error?: Error) => void)[]
  let node: StoppedNode

  beforeEach(() => {
    steps = []
    leading = false
    dead = false
    checkpoints = []
    sealed = []
    const take = (path: string) => (message: MetadataMessage | PartitionMessage) => {
      if (dead) return false
      steps.push(`${path} ${message.type}`)
      if (message.type === 'checkpoint') checkpoints.push(message.respond)
      return true
    }
    const ref = (path: string) => ({ path, send: take(path), reply: take(path) })
    const host = simulation.host('n2')
    node = {
      metadata: ref('metadata'),
      mesh: { close: () => steps.push('mesh closed') } as unknown as StoppedNode['mesh'],
      storage: {
        close: (done: (error?: Error) => void) => {
          steps.push('storage closing')
          sealed.push(done)
        },
      } as unknown as StoppedNode['storage'],
      monotonicMs: () => host.monotonicMs(),
      partitions: () => [ref('p0'), ref('p1')],
      leading: () => leading,
      after: (delayMs, run) => host.setTimer(run, delayMs),
      endReplicas: () => steps.push('replicas ended'),
      end: (error) => steps.push(error === undefined ? 'ended' : `ended: ${error.message}`),
    }
  })

  test('goes step by step: hand-over, checkpoints, links, replicas, storage, the rest', () => {
    leading = true
    stopNode(node)
    expect(steps).toEqual(['metadata transfer', 'p0 transfer', 'p1 transfer'])
    leading = false
    steps.length = 0
    pass(limits.handOverRetryMs)
    expect(steps).toEqual(['metadata checkpoint', 'p0 checkpoint', 'p1 checkpoint'])
    for (const respond of checkpoints) respond()
    pass(1)
    expect(steps.slice(3)).toEqual(['mesh closed', 'replicas ended', 'storage closing'])
    sealed[0]!()
    pass(1)
    expect(steps.at(-1)).toBe('ended')
    pass(60_000)
    expect(steps.filter((step) => step === 'storage closing')).toHaveLength(1)
  })

  test('waits for no hand-over for ever', () => {
    leading = true
    stopNode(node)
    pass(limits.handOverMs + limits.handOverRetryMs)
    expect(checkpoints).toHaveLength(3)
  })

  test('waits for no checkpoint for ever, and a late one changes nothing', () => {
    stopNode(node)
    pass(limits.handOverMs + 1)
    expect(steps.at(-1)).toBe('storage closing')
    for (const respond of checkpoints) respond()
    pass(1000)
    sealed[0]!(new Error('EIO'))
    pass(1)
    expect(steps.slice(-2)).toEqual(['storage closing', 'ended: EIO'])
  })

  test('replicas that are gone already hold nothing up', () => {
    dead = true
    stopNode(node)
    pass(1)
    expect(steps.at(-1)).toBe('storage closing')
  })
})
