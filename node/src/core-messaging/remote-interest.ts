// What the clients of each peer want, as far as this node was told. A gap in a peer's changes makes
// this side ask for the full set again, so whatever frames are lost, the two sides come to agree.
// Pure; counterpart of interest.ts on the other node.
import { interestKey } from './interest.ts'
import type { InterestChange, InterestMessage } from './interest-codec.ts'
import { SubjectTrie } from './subject-trie.ts'

export interface RemoteWish {
  readonly node: string
  readonly pattern: string
  readonly queue: string | undefined
}

interface PeerWishes {
  readonly wishes: Map<string, RemoteWish>
  /** Sequence of the last message applied; undefined until a full set began. */
  sequence: number | undefined
  /** True between asking and the next full set, so that one gap asks once. */
  asked: boolean
}

export class RemoteInterest {
  readonly #trie = new SubjectTrie<RemoteWish>()
  readonly #peers = new Map<string, PeerWishes>()
  readonly #wishesPerPeerMax: number
  /** Wishes not kept because a peer has more than the limit. */
  dropped = 0

  constructor(wishesPerPeerMax: number) {
    this.#wishesPerPeerMax = wishesPerPeerMax
  }

  get size(): number {
    return this.#trie.size
  }

  /**
   * The caller asks the peer for its full set now; until it comes what was known before is used.
   * Invariant: a peer that is not up has no wishes here, so nothing is sent to it.
   */
  peerUp(node: string): void {
    const known = this.#peers.get(node)
    this.#peers.set(node, {
      wishes: known?.wishes ?? new Map(),
      sequence: undefined,
      asked: true,
    })
  }

  peerDown(node: string): void {
    const peer = this.#peers.get(node)
    if (peer === undefined) return
    this.#clear(peer)
    this.#peers.delete(node)
  }

  /** Applies a message; `'ask'` when the peer's full set is needed. Ignored while it is down. */
  apply(node: string, message: InterestMessage): 'ask' | undefined {
    const peer = this.#peers.get(node)
    if (peer === undefined) return undefined
    if (message.kind === 'reset') {
      this.#clear(peer)
      peer.asked = false
    } else {
      const expected = message.kind === 'part' ? message.sequence : message.sequence - 1
      if (peer.sequence !== expected) {
        if (peer.asked) return undefined
        peer.asked = true
        return 'ask'
      }
    }
    peer.sequence = message.sequence
    for (const change of message.changes) this.#change(node, peer, change)
    return undefined
  }

  match(subject: string, visit: (wish: RemoteWish) => void): void {
    this.#trie.match(subject, visit)
  }

  #change(node: string, peer: PeerWishes, { wanted, pattern, queue }: InterestChange): void {
    const key = interestKey(pattern, queue)
    const known = peer.wishes.get(key)
    if (wanted === (known !== undefined)) return
    if (known !== undefined) {
      peer.wishes.delete(key)
      this.#trie.remove(pattern, known)
    } else if (peer.wishes.size >= this.#wishesPerPeerMax) {
      this.dropped += 1
    } else {
      const wish = { node, pattern, queue }
      peer.wishes.set(key, wish)
      this.#trie.add(pattern, wish)
    }
  }

  #clear(peer: PeerWishes): void {
    for (const wish of peer.wishes.values()) this.#trie.remove(wish.pattern, wish)
    peer.wishes.clear()
  }
}
