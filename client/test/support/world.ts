// A simulated world with a fake cluster and one client in it, with or without promises.
import type { SimulatedHost } from '@quorate/actors/testing'
import { Simulation } from '@quorate/actors/testing'
import type { QuorateError } from '@quorate/protocol'
import type { Client } from '../../src/client.ts'
import type { ClientParts } from '../../src/connect-with.ts'
import { clientCore, connectWith } from '../../src/connect-with.ts'
import type { PendingRecord } from '../../src/core/batch.ts'
import type { ClientCore } from '../../src/core/client-core.ts'
import type { ProducerCore, ProducerSettings } from '../../src/core/producer-core.ts'
import type { ClientLimits } from '../../src/limits.ts'
import { FakeCluster } from './fake-cluster.ts'

export interface Outcome {
  readonly error: QuorateError | undefined
  readonly partition: number
  readonly offset: number
  readonly atMs: number
}

export interface Sent {
  readonly text: string
  outcome: Outcome | undefined
}

const encoder = new TextEncoder()
export const bytesOf = (text: string): Uint8Array => encoder.encode(text)
export const textOf = (bytes: Uint8Array | null): string =>
  new TextDecoder().decode(bytes ?? undefined)

export class World {
  readonly simulation: Simulation
  readonly cluster: FakeCluster
  readonly host: SimulatedHost

  constructor(options: { seed?: string | number; nodes?: number } = {}) {
    this.simulation = new Simulation(options.seed ?? 1)
    this.cluster = new FakeCluster(this.simulation, options.nodes)
    this.host = this.simulation.host('client')
  }

  get nowMs(): number {
    return this.simulation.nowMs
  }

  parts(servers: readonly string[], limits: Partial<ClientLimits> = {}): ClientParts {
    return {
      servers,
      host: this.host,
      random: this.simulation.random,
      linkOpener: this.cluster.opener(this.host),
      limits,
    }
  }

  /** A started core. */
  core(
    limits: Partial<ClientLimits> = {},
    servers: readonly string[] = [this.cluster.nodes[0]!.address],
  ): ClientCore {
    const core = clientCore(this.parts(servers, limits))
    let started = false
    core.start((error) => {
      if (error !== undefined) throw error
      started = true
    })
    if (!this.simulation.runUntilTrue(() => started, this.nowMs + 1_000)) {
      throw new Error('no connection')
    }
    return core
  }

  client(
    limits: Partial<ClientLimits> = {},
    servers: readonly string[] = [this.cluster.nodes[0]!.address],
  ): Promise<Client> {
    return this.settle(connectWith(this.parts(servers, limits)))
  }

  /** Runs the simulation until the promise settles. */
  async settle<Value>(promise: Promise<Value>, limitMs = 120_000): Promise<Value> {
    let settled = false
    const done = () => {
      settled = true
    }
    promise.then(done, done)
    const endMs = this.nowMs + limitMs
    for (;;) {
      // Enough turns of the microtask queue for the longest chain of promises in the client.
      for (let turn = 0; turn < 20 && !settled; turn += 1) await Promise.resolve()
      if (settled) return promise
      if (this.nowMs > endMs) throw new Error(`not settled after ${limitMs} ms of simulated time`)
      if (!this.simulation.step()) throw new Error('nothing is left to happen')
    }
  }

  run(forMs: number): void {
    this.simulation.runUntil(this.nowMs + forMs)
  }

  /** Runs until the condition holds; an error tells when it never does. */
  until(condition: () => boolean, limitMs = 60_000): void {
    if (!this.simulation.runUntilTrue(condition, this.nowMs + limitMs)) {
      throw new Error(`not so after ${limitMs} ms of simulated time: ${condition}`)
    }
  }
}

const defaultSettings: ProducerSettings = {
  lingerMs: 0,
  deliveryTimeoutMs: 30_000,
  compression: 'none',
  maxBatchBytes: 128 * 1024,
  maxBufferedBytes: 32 * 1024 * 1024,
}

/** A producer core with a simple way to send texts and look at what became of them. */
export class Sender {
  readonly core: ProducerCore
  readonly sent: Sent[] = []
  readonly #world: World

  constructor(world: World, client: ClientCore, settings: Partial<ProducerSettings> = {}) {
    this.#world = world
    this.core = client.producer({ ...defaultSettings, ...settings })
  }

  send(
    topic: string,
    text: string,
    options: { key?: string; partition?: number; value?: Uint8Array } = {},
  ): Sent {
    const sent: Sent = { text, outcome: undefined }
    this.sent.push(sent)
    const record: PendingRecord = {
      topic,
      key: options.key === undefined ? null : bytesOf(options.key),
      value: options.value ?? bytesOf(text),
      headers: [],
      timestampMs: this.#world.host.wallMs(),
      partition: options.partition,
      settled: (error, partition, offset) => {
        if (sent.outcome !== undefined) throw new Error(`${text} was settled twice`)
        sent.outcome = { error, partition, offset, atMs: this.#world.nowMs }
      },
    }
    this.core.send(record)
    return sent
  }

  get settled(): boolean {
    return this.sent.every((each) => each.outcome !== undefined)
  }

  get errors(): QuorateError[] {
    return this.sent.flatMap((each) => each.outcome?.error ?? [])
  }
}
