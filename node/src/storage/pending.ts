// Counts work under way that nobody waits for (removing files, writing checkpoints), so that closing
// can wait until the folder is quiet. Knows nothing of what the work is.

export class Pending {
  #count = 0
  #idle: (() => void)[] = []

  /** The result is to be called exactly once, when the work has ended. */
  begin(): () => void {
    this.#count += 1
    return () => {
      this.#count -= 1
      if (this.#count > 0) return
      const idle = this.#idle
      this.#idle = []
      for (const call of idle) call()
    }
  }

  whenIdle(call: () => void): void {
    if (this.#count === 0) call()
    else this.#idle.push(call)
  }
}
