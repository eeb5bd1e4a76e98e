// The configurations of the log in memory: the one in force at the base, and one for each entry
// above it that carries one. The last is in force, committed or not, so that truncation takes a
// configuration back by taking its entry back. Part of log.ts, which keeps it in step with entries.
import type { PlacedConfiguration } from './membership.ts'
import type { Configuration, RaftEntry } from './types.ts'

export class Configurations {
  /** Invariant: never empty, indexes rise; all but the first are above the base. */
  private placed: PlacedConfiguration[]

  constructor(baseIndex: number, configuration: Configuration) {
    this.placed = [{ index: baseIndex, configuration }]
  }

  /** The one in force. Another object exactly when another one came into force. */
  get latest(): PlacedConfiguration {
    return this.placed[this.placed.length - 1] as PlacedConfiguration
  }

  get all(): readonly PlacedConfiguration[] {
    return this.placed
  }

  /** The one in force just before this index. */
  before(index: number): Configuration {
    const earlier = this.placed.findLast((placed) => placed.index < index)
    return (earlier ?? (this.placed[0] as PlacedConfiguration)).configuration
  }

  appended(entry: RaftEntry, configuration: Configuration): void {
    this.placed.push({ index: entry.index, configuration })
  }

  /** An entry that was missing carries this one. */
  filled(entry: RaftEntry, configuration: Configuration): void {
    const place = this.placed.findIndex((placed) => placed.index > entry.index)
    const placed = { index: entry.index, configuration }
    this.placed.splice(place < 0 ? this.placed.length : place, 0, placed)
  }

  truncatedAfter(index: number): void {
    while (this.placed.length > 1 && this.latest.index > index) this.placed.pop()
  }

  /** The base has moved up: of the configurations at or below it, the last is kept. */
  released(baseIndex: number): void {
    while (this.placed.length > 1 && (this.placed[1] as PlacedConfiguration).index <= baseIndex) {
      this.placed.shift()
    }
  }

  reset(index: number, configuration: Configuration): void {
    this.placed = [{ index, configuration }]
  }
}
