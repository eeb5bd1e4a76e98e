// A first look while the run goes on: whether one offset was ever told with two values. The judgement
// over the whole history comes in the end, from ../history/check-history.ts.

export class LiveLog {
  contradictions = 0
  readonly #values: string[][]

  constructor(partitions: number) {
    this.#values = Array.from({ length: partitions }, () => [])
  }

  saw(partition: number, offset: number, value: string): void {
    const values = this.#values[partition]!
    const known = values[offset]
    if (known === undefined) values[offset] = value
    else if (known !== value) this.contradictions += 1
  }
}
