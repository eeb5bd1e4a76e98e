// The lists that lack a piece of a given one, pieces growing smaller: halves, quarters, … single items. Each
// says where to go on when it is taken in place of the given one, so that no piece is tried twice. Knows
// nothing of what the items are; plan-shrink.ts takes steps away with it, fault-shrink.ts faults.

/** Where taking away goes on. */
export interface Piece {
  /** Items that are taken away at once; 0: none any more. Cut down to half of the list before its use. */
  readonly chunk: number
  readonly position: number
}

export function* fewer<Item>(
  items: readonly Item[],
  from: Piece,
): Generator<{ readonly left: readonly Item[]; readonly next: Piece }> {
  let chunk = Math.min(from.chunk, Math.ceil(items.length / 2))
  // Smaller pieces begin at the first item again.
  let position = chunk < from.chunk ? 0 : from.position
  while (chunk >= 1) {
    for (; position < items.length; position += chunk) {
      const left = [...items.slice(0, position), ...items.slice(position + chunk)]
      yield { left, next: { chunk, position } }
    }
    position = 0
    chunk = chunk === 1 ? 0 : Math.ceil(chunk / 2)
  }
}
