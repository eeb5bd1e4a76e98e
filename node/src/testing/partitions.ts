// Which machines of a test cluster cannot reach each other: groups that were parted stay so, also for
// machines that come later, until `heal`. The network itself knows single paths only.
import type { SimulatedNetwork } from '../simulation/simulated-network.ts'

interface Partition {
  readonly group: readonly string[]
  /** Absent: everybody else. */
  readonly others: readonly string[] | undefined
}

export class Partitions {
  readonly #network: SimulatedNetwork
  #partitions: Partition[] = []
  readonly #machines: string[] = []

  constructor(network: SimulatedNetwork) {
    this.#network = network
  }

  /** A machine is there now. */
  add(name: string): void {
    this.#machines.push(name)
    this.#apply()
  }

  /** Nothing passes between the groups until `end` or `heal`. */
  begin(group: readonly string[], others: readonly string[] | undefined): Partition {
    const partition = { group, others }
    this.#partitions.push(partition)
    this.#apply()
    return partition
  }

  end(partition: Partition): void {
    this.#partitions = this.#partitions.filter((each) => each !== partition)
    this.#network.healAll()
    this.#apply()
  }

  heal(): void {
    this.#partitions = []
    this.#network.healAll()
  }

  #apply(): void {
    for (const { group, others } of this.#partitions) {
      const rest = others ?? this.#machines.filter((name) => !group.includes(name))
      for (const one of group) for (const other of rest) this.#network.cut(one, other)
    }
  }
}
