import { afterEach, describe, expect, test } from 'vitest'
import type { Pending, TestClient } from './client.ts'
import { TestCluster } from './cluster.ts'

let cluster: TestCluster

afterEach(() => {
  expect(cluster.defects).toEqual([])
})

const partitions = 6

/** Writers that never pause: one record outstanding for each partition. */
class Load {
  readonly failures: string[] = []
  taken = 0
  readonly #clients: readonly TestClient[]
  readonly #open: (Pending | undefined)[] = Array.from({ length: partitions })
  #sent = 0

  /** `clients`: of nodes that stay up for now. */
  constructor(clients: readonly TestClient[]) {
    this.#clients = clients
  }

  /** Lets time pass until the condition holds, while records go in. */
  until(what: string, condition: () => boolean): void {
    for (let step = 0; !condition(); step += 1) {
      if (step > 5000) throw new Error(`not reached: ${what}`)
      this.#turn()
      cluster.pass(10)
    }
  }

  drain(): void {
    for (const pending of this.#open) if (pending !== undefined) this.#clients[0]!.wait(pending)
    this.#collect()
  }

  #turn(): void {
    this.#collect()
    for (let partition = 0; partition < partitions; partition += 1) {
      if (this.#open[partition] !== undefined) continue
      const client = this.#clients[this.#sent % this.#clients.length]!
      this.#sent += 1
      const headers = { 'q-partition': String(partition) }
      this.#open[partition] = client.askProduce('orders', `v${this.#sent}`, headers)
    }
  }

  #collect(): void {
    for (const [partition, pending] of this.#open.entries()) {
      if (pending?.answer === undefined) continue
      this.#open[partition] = undefined
      const { error } = JSON.parse(pending.answer.text)
      if (error === undefined) this.taken += 1
      else this.failures.push(error.code)
    }
  }
}

describe('a rolling restart', () => {
  test('of all three nodes under load fails no write, and ends with balanced leaders', () => {
    cluster = TestCluster.ready('rolling', 3)
    const asked = cluster.client('n1')
    const topicId = asked.create('orders', { partitions })
    let taken = 0
    for (const name of cluster.names) {
      const others = cluster.names.filter((each) => each !== name)
      const load = new Load(others.map((each) => cluster.client(each)))
      load.until('load', () => load.taken > 50)
      let stopped = false
      cluster.node(name).broker!.stop(() => {
        stopped = true
      })
      load.until(`${name} has stopped`, () => stopped)
      cluster.crash(name)
      const before = load.taken
      load.until('the others go on', () => load.taken > before + 50)
      cluster.start(name)
      load.until(`${name} is back`, () => cluster.isReady(name))
      load.drain()
      expect(load.failures).toEqual([])
      taken += load.taken
    }
    expect(taken).toBeGreaterThan(400)
    const client = cluster.client('n2')
    const leaders = () =>
      Array.from(
        { length: partitions },
        (_, partition) => client.call('leader', undefined, { topicId, partition }).leader?.node,
      )
    cluster.until(
      'each node leads two',
      () => {
        const found = leaders().sort().join()
        return found === 'n1,n1,n2,n2,n3,n3'
      },
      60_000,
    )
  })
})
