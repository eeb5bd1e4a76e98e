// Damage to a test disk: entries that cannot be read any more, with or without proof that they were
// complete once, and a log whose end is unknown. The disk keeps the true entries, for the checker;
// what a replica may know of them at a start is here.
import type { RaftRestore } from '../types.ts'
import { missingEntry, type TestEntry } from './entry.ts'

export type Evidence = 'synced' | 'begun'

export class TestDamage {
  tailKnown = true
  private readonly unreadable = new Map<number, Evidence>()

  get isNone(): boolean {
    return this.tailKnown && this.unreadable.size === 0
  }

  get cleanThrough(): number {
    return this.unreadable.size === 0 ? Infinity : Math.min(...this.unreadable.keys()) - 1
  }

  /** First indexes of the ranges of which nothing proves that they were complete. */
  get undecided(): number[] {
    const isBegun = (index: number) => this.unreadable.get(index) === 'begun'
    return [...this.unreadable.keys()].filter((index) => isBegun(index) && !isBegun(index - 1))
  }

  indexes(): number[] {
    return [...this.unreadable.keys()]
  }

  has(index: number): boolean {
    return this.unreadable.has(index)
  }

  add(index: number, evidence: Evidence): void {
    if (!this.unreadable.has(index)) this.unreadable.set(index, evidence)
  }

  repaired(index: number): void {
    this.unreadable.delete(index)
  }

  /** The log was cut after `index`. */
  cut(index: number): void {
    for (const each of this.unreadable.keys()) if (each > index) this.unreadable.delete(each)
  }

  /** The log as it is found at a start. */
  seen(entries: readonly TestEntry[]): Partial<RaftRestore<TestEntry>> {
    const { tailKnown, cleanThrough, undecided } = this
    return {
      entries: entries.map((entry) => {
        const evidence = this.unreadable.get(entry.index)
        if (evidence === undefined) return entry
        return missingEntry(entry, this.unreadable.get(entry.index + 1) !== evidence)
      }),
      condition: tailKnown ? 'clean' : 'unknown-tail',
      cleanThrough,
      undecided,
    }
  }
}
