// The subscriptions of clients of this node, and which of them one message goes to: every plain one
// once, one random member of each queue group. A queue group is its name: members under different
// patterns that match the same subject are one group, as in nats-server. Pure; randomness is drawn
// by the caller.
import { SubjectTrie } from './subject-trie.ts'
import type { Publisher, Subscription } from './subscription.ts'

export interface LocalMatch {
  readonly plain: readonly Subscription[]
  /** Members by queue name; no list is empty. */
  readonly queues: ReadonlyMap<string, readonly Subscription[]>
}

const noQueues: ReadonlyMap<string, readonly Subscription[]> = new Map()

export class LocalSubscriptions {
  readonly #trie = new SubjectTrie<Subscription>()

  get size(): number {
    return this.#trie.size
  }

  add(subscription: Subscription): void {
    this.#trie.add(subscription.pattern, subscription)
  }

  /** False when it was not there. */
  remove(subscription: Subscription): boolean {
    return this.#trie.remove(subscription.pattern, subscription)
  }

  /** A list of its own, so that deliveries may subscribe and unsubscribe. */
  match(subject: string, publisher?: Publisher): LocalMatch {
    const silent = publisher?.echo === false ? publisher.owner : undefined
    const plain: Subscription[] = []
    let queues: Map<string, Subscription[]> | undefined
    this.#trie.match(subject, (subscription) => {
      if (subscription.owner === silent) return
      if (subscription.queue === undefined) {
        plain.push(subscription)
        return
      }
      queues ??= new Map()
      const members = queues.get(subscription.queue)
      if (members === undefined) queues.set(subscription.queue, [subscription])
      else members.push(subscription)
    })
    return { plain, queues: queues ?? noQueues }
  }

  /** One of the owner's subscriptions that matches. */
  find(subject: string, owner: object): Subscription | undefined {
    let found: Subscription | undefined
    this.#trie.match(subject, (subscription) => {
      if (subscription.owner === owner) found ??= subscription
    })
    return found
  }
}
