// Removes files in the background. An error is not reported: what is left behind is named by no
// record of the node, and the next start removes it.
import type { Disk } from './disk.ts'
import type { Pending } from './pending.ts'

export class Remover {
  readonly #disk: Disk
  readonly #pending: Pending

  constructor(disk: Disk, pending: Pending) {
    this.#disk = disk
    this.#pending = pending
  }

  remove(path: string): void {
    const ended = this.#pending.begin()
    this.#disk.remove(path, () => ended())
  }

  /** A folder of files. */
  removeFolder(folder: string): void {
    const ended = this.#pending.begin()
    const names = this.#disk.listSync(folder)
    const next = (): void => {
      const name = names.pop()
      if (name === undefined) this.#disk.remove(folder, () => ended())
      else this.#disk.remove(`${folder}/${name}`, next)
    }
    next()
  }
}
