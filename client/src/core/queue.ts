// First in, first out, without moving the rest at every take.

export class Queue<Item> {
  #items: (Item | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  push(item: Item): void {
    this.#items.push(item)
  }

  peek(): Item | undefined {
    return this.#items[this.#head]
  }

  take(): Item | undefined {
    const item = this.#items[this.#head]
    if (item === undefined) return undefined
    this.#items[this.#head] = undefined
    this.#head += 1
    if (this.#head >= 1024 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  /** Takes out what does not pass. */
  filter(keep: (item: Item) => boolean): void {
    this.#items = (this.#items.slice(this.#head) as Item[]).filter(keep)
    this.#head = 0
  }

  [Symbol.iterator](): IterableIterator<Item> {
    return (this.#items.slice(this.#head) as Item[])[Symbol.iterator]()
  }
}
