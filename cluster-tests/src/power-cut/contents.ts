// Which bytes a power cut leaves in one file. What is durable stays. Of the later changes either
// nothing is left, or of each page of 4 KiB any state it has had since, whatever the other pages have:
// the cache writes pages back one by one and in any order. The end of the file is chosen among the
// ends it has had. A truncation that is lost takes along what was written after it. Knows no names.
import type { ContentChange } from './journal.ts'

export const pageBytes = 4096

/** How much of what may be lost is lost. */
export interface Choice {
  /** A number from 0 to `bound` - 1; always 0 when everything not durable is lost. */
  integer(bound: number): number
}

/** What to do with the file so that it holds what the cut has left. */
export interface Leftover {
  readonly size: number
  readonly pages: readonly { readonly position: number; readonly bytes: Uint8Array }[]
}

/** `read` gives bytes of the file as it is now, short at its end. Undefined: as it is now. */
export function leftover(
  changes: readonly ContentChange[],
  sizeNow: number,
  read: (position: number, length: number) => Uint8Array,
  choice: Choice,
): Leftover | undefined {
  const firstLosable = changes.findLastIndex(({ durable }) => durable) + 1
  if (changes.every(({ durable }) => durable)) return undefined
  const { from, to } = eraOf(changes, firstLosable, choice)
  const sizes = [...changes.map(({ sizeBefore }) => sizeBefore), sizeNow]
  const least = Math.max(from, firstLosable)
  const size = sizes[least + choice.integer(to - least + 1)]!
  const pages: { position: number; bytes: Uint8Array }[] = []
  for (const [page, touching] of touchedPages(changes)) {
    const states = statesOf(touching, changes, from, to)
    const wanted = states[choice.integer(states.length)]!
    const taken = touching.filter((index) => index >= wanted)
    if (taken.length === 0) continue
    const position = page * pageBytes
    const bytes = new Uint8Array(pageBytes)
    bytes.set(read(position, pageBytes))
    for (const index of taken.toReversed()) takeBack(changes[index]!, position, bytes)
    pages.push({ position, bytes })
  }
  return { size, pages }
}

/**
 * Changes from `from` on and before `to` may be kept or lost page by page; those from `to` on are
 * lost, with the truncation that stands at `to`.
 */
function eraOf(
  changes: readonly ContentChange[],
  firstLosable: number,
  choice: Choice,
): { from: number; to: number } {
  const cuts = changes.flatMap((change, index) =>
    index >= firstLosable && shrinks(change) ? [index] : [],
  )
  const kept = choice.integer(cuts.length + 1)
  return { from: kept === 0 ? 0 : cuts[kept - 1]! + 1, to: cuts[kept] ?? changes.length }
}

function shrinks({ kind, position, sizeBefore }: ContentChange): boolean {
  return kind === 'truncate' && position < sizeBefore
}

/** Changes by page they touch. */
function touchedPages(changes: readonly ContentChange[]): Map<number, number[]> {
  const pages = new Map<number, number[]>()
  for (const [index, change] of changes.entries()) {
    const end = change.kind === 'write' ? change.position + change.length : change.sizeBefore
    const last = Math.floor((end - 1) / pageBytes)
    for (let page = Math.floor(change.position / pageBytes); page <= last; page += 1) {
      const touching = pages.get(page)
      if (touching === undefined) pages.set(page, [index])
      else touching.push(index)
    }
  }
  return pages
}

/** What the page can be: as before the change with this number, in the order of age. */
function statesOf(
  touching: readonly number[],
  changes: readonly ContentChange[],
  from: number,
  to: number,
): number[] {
  const durable = touching.findLast((index) => changes[index]!.durable) ?? -1
  const least = Math.max(from, durable + 1)
  return [...touching.filter((index) => index >= least && index < to), to]
}

function takeBack(change: ContentChange, pageAt: number, bytes: Uint8Array): void {
  const { position, old } = change
  const end = change.kind === 'write' ? position + change.length : change.sizeBefore
  const first = Math.max(position, pageAt)
  const last = Math.min(end, pageAt + pageBytes)
  if (first >= last) return
  bytes.fill(0, first - pageAt, last - pageAt)
  const oldLast = Math.min(position + old.byteLength, last)
  if (first < oldLast) bytes.set(old.subarray(first - position, oldLast - position), first - pageAt)
}
