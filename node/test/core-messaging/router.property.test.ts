import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CoreMessage, Subscription } from '../../src/core-messaging/subscription.ts'
import { Cluster, messageOf } from './cluster.ts'
import { patternArbitrary, slowlyMatches, subjectArbitrary } from './patterns.ts'

const node = fc.constantFrom('n1', 'n2', 'n3')
const client = fc.integer({ min: 0, max: 2 })

type Command = { readonly settle: boolean } & (
  | { do: 'subscribe'; node: string; client: number; pattern: string; queue: string | undefined }
  | { do: 'unsubscribe'; index: number }
  | { do: 'publish'; node: string; client: number; subject: string; echo: boolean }
  | { do: 'deliver'; from: string; to: string }
  | { do: 'part' | 'join'; from: string; to: string }
)

const settle = fc.boolean()
const queue = fc.option(fc.constantFrom('q', 'r'), { nil: undefined })
const commandArbitrary: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('subscribe' as const),
      settle,
      node,
      client,
      pattern: patternArbitrary,
      queue,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('unsubscribe' as const),
      settle,
      index: fc.nat({ max: 30 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      settle,
      node,
      client,
      subject: subjectArbitrary,
      echo: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('deliver' as const), settle, from: node, to: node }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('part' as const, 'join' as const),
      settle,
      from: node,
      to: node,
    }),
  },
)

interface Known extends Subscription {
  readonly node: string
  readonly received: CoreMessage[]
}

/** The whole cluster as one list: what every publish must and may reach. */
class Model {
  readonly cluster = new Cluster(3)
  readonly subscriptions: Known[] = []
  readonly everyone: Known[] = []
  readonly #owners = new Map<string, object>()
  #published = 0

  owner(ofNode: string, ofClient: number): object {
    const key = `${ofNode} ${ofClient}`
    const owner = this.#owners.get(key) ?? { key }
    this.#owners.set(key, owner)
    return owner
  }

  run(command: Command): void {
    switch (command.do) {
      case 'subscribe': {
        const received: CoreMessage[] = []
        const { pattern, queue: name } = command
        const known: Known = {
          node: command.node,
          owner: this.owner(command.node, command.client),
          pattern,
          queue: name,
          received,
          deliver: (message) => received.push(message),
        }
        this.subscriptions.push(known)
        this.everyone.push(known)
        this.cluster.router(command.node).subscribe(known)
        break
      }
      case 'unsubscribe': {
        const [known] = this.subscriptions.splice(command.index % 7, 1)
        if (known !== undefined) this.cluster.router(known.node).unsubscribe(known)
        break
      }
      case 'publish':
        this.publish(command)
        break
      case 'deliver':
        this.cluster.deliverOne(command.from, command.to)
        break
      case 'part':
        if (command.from !== command.to) this.cluster.part(command.from, command.to)
        break
      case 'join':
        if (command.from !== command.to && !this.cluster.isJoined(command.from, command.to)) {
          this.cluster.join(command.from, command.to)
        }
        break
    }
    if (command.settle) this.cluster.settle()
  }

  publish(command: Command & { do: 'publish' }): void {
    const { subject, echo } = command
    const owner = this.owner(command.node, command.client)
    this.#published += 1
    const message = messageOf(subject, String(this.#published))
    this.cluster.router(command.node).publish(message, { owner, echo })
  }

  /** Publishes when all is quiet and joined, and checks each receiver. */
  checkExactly(command: Command & { do: 'publish' }): void {
    this.cluster.settle()
    for (const known of this.everyone) known.received.length = 0
    const owner = this.owner(command.node, command.client)
    const wanting = this.subscriptions.filter(
      ({ pattern, owner: each }) =>
        slowlyMatches(pattern, command.subject) && (command.echo || each !== owner),
    )
    const router = this.cluster.router(command.node)
    const message = messageOf(command.subject, 'exact')
    expect(router.publish(message, { owner, echo: command.echo })).toBe(wanting.length > 0)
    this.cluster.settle()
    for (const known of this.everyone) {
      if (known.queue !== undefined) continue
      expect(known.received).toHaveLength(wanting.includes(known) ? 1 : 0)
    }
    for (const name of ['q', 'r']) {
      const members = wanting.filter((known) => known.queue === name)
      const got = this.everyone.filter((known) => known.queue === name && known.received.length > 0)
      expect(got).toHaveLength(members.length > 0 ? 1 : 0)
      if (got.length === 0) continue
      expect(got[0]!.received).toHaveLength(1)
      expect(members).toContain(got[0])
      const near = members.some((known) => known.node === command.node)
      if (near) expect(got[0]!.node).toBe(command.node)
    }
  }

  /** At most once, whatever was lost and reordered between the nodes. */
  checkAtMostOnce(): void {
    const queueGot = new Set<string>()
    for (const { queue: name, received } of this.everyone) {
      const texts = received.map(({ payload }) => new TextDecoder().decode(payload.pieces[0]))
      expect(new Set(texts).size).toBe(texts.length)
      if (name === undefined) continue
      for (const text of texts) {
        expect(queueGot.has(`${name} ${text}`)).toBe(false)
        queueGot.add(`${name} ${text}`)
      }
    }
  }
}

describe('the cluster router against a slow model', () => {
  test('serves every plain subscriber once and of each queue group one, at most once always', () => {
    const probe = fc.record({
      do: fc.constant('publish' as const),
      settle: fc.constant(true),
      node,
      client,
      subject: subjectArbitrary,
      echo: fc.boolean(),
    })
    fc.assert(
      fc.property(
        fc.array(commandArbitrary, { minLength: 1, maxLength: 60, size: 'max' }),
        fc.array(probe, { minLength: 1, maxLength: 6, size: 'max' }),
        (commands, probes) => {
          const model = new Model()
          for (const command of commands) model.run(command)
          model.cluster.settle()
          model.checkAtMostOnce()
          for (const from of model.cluster.nodes) {
            for (const to of model.cluster.nodes) {
              if (from < to && !model.cluster.isJoined(from, to)) model.cluster.join(from, to)
            }
          }
          for (const command of probes) model.checkExactly(command)
        },
      ),
      { numRuns: 250 },
    )
  })
})
