// References to actors of this system. A ref names one life of a path: once its actor has stopped
// it refuses everything, also when another actor is spawned under the same path. First stop of a
// message inside a system; next: the cell's mailbox.
import type { ActorRef } from './actor.ts'
import type { Cell } from './cell.ts'

export class LocalRef implements ActorRef<unknown> {
  readonly path: string
  /** Hidden, so that whoever holds a ref can send and nothing else. */
  readonly #cell: Cell

  constructor(path: string, cell: Cell) {
    this.path = path
    this.#cell = cell
  }

  send(message: unknown): boolean {
    return this.#cell.accept(message)
  }

  reply(message: unknown): boolean {
    return this.#cell.acceptAlways(message)
  }

  /** The cell behind a local ref; undefined for any other kind of ref. */
  static cellOf(ref: ActorRef<never>): Cell | undefined {
    return #cell in ref ? ref.#cell : undefined
  }
}

/** Names whoever lives at a path of this system at the moment of each send. */
export class PathRef implements ActorRef<unknown> {
  readonly path: string
  private readonly find: (path: string) => ActorRef<unknown> | undefined

  constructor(path: string, find: (path: string) => ActorRef<unknown> | undefined) {
    this.path = path
    this.find = find
  }

  send(message: unknown): boolean {
    return this.find(this.path)?.send(message) ?? false
  }

  reply(message: unknown): boolean {
    return this.find(this.path)?.reply(message) ?? false
  }
}
