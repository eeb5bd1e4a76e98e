// Carries out a list of faults in a world: each at its time, aimed at a role as it is then, and undone
// after `forMs`. In the end everything it did is undone. Which faults there are: fault.ts.
import { type Fault, type FaultTarget, parseTarget } from './fault.ts'
import { UserProcess } from './user-process.ts'
import type { World } from './world.ts'

const skewMs = 7_000

export class FaultRunner {
  readonly #world: World
  /** What is still to be undone, oldest first. */
  readonly #open = new Set<() => void>()
  /** Faults whose time has not come. */
  #waiting = 0
  #ended = false

  constructor(world: World) {
    this.#world = world
  }

  /** Every fault has struck and is undone. Crashes that wait for calls of a process do not count. */
  get over(): boolean {
    return this.#waiting === 0 && this.#open.size === 0
  }

  start(faults: readonly Fault[]): void {
    for (const fault of faults) {
      this.#waiting += 1
      this.#world.after(fault.atMs, () => {
        this.#waiting -= 1
        if (!this.#ended) this.#strike(fault)
      })
    }
  }

  /** Undoes what is not undone yet; nothing more strikes. */
  end(): void {
    this.#ended = true
    for (const each of this.#world.processes) each.clearCrashPoints()
    for (const undo of [...this.#open]) undo()
  }

  #strike(fault: Fault): void {
    const name = this.#aim(parseTarget(fault.target)!)
    if (name === undefined) return
    const world = this.#world
    switch (fault.fault) {
      case 'crash':
        this.#crash(fault, name)
        break
      case 'power':
        if (!world.node(name).running) return
        world.crash(name, 'power')
        this.#undoLater(fault, () => world.start(name))
        break
      case 'stop':
        this.#stop(fault, name)
        break
      case 'pause':
        if (!world.machine(name).running) return
        world.pause(name)
        this.#undoLater(fault, () => world.resume(name))
        break
      case 'partition': {
        const partition = world.partitions.begin([name], undefined)
        world.note(`${name} cut off from everybody`)
        this.#undoLater(fault, () => {
          world.partitions.end(partition)
          world.note(`${name} is reached again`)
        })
        break
      }
      case 'skewClock':
        world.skewClock(name, skewMs)
        this.#undoLater(fault, () => world.skewClock(name, -skewMs))
        break
      case 'corrupt':
        world.corrupt(name, 'any', `${fault.atMs}/${fault.target}`)
        break
      case 'fillDisk':
        world.fillDisk(name)
        this.#undoLater(fault, () => world.freeDisk(name))
        break
    }
  }

  #crash(fault: Fault, name: string): void {
    const world = this.#world
    const machine = world.machine(name)
    if (!machine.running) return
    const crash = (): void => {
      world.crash(name, 'kill')
      this.#undoLater(fault, () => world.start(name))
    }
    const { afterCalls } = fault
    if (afterCalls === undefined || !(machine instanceof UserProcess)) crash()
    else machine.crashAfter(afterCalls, crash)
  }

  #stop(fault: Fault, name: string): void {
    const world = this.#world
    const machine = world.machine(name)
    if (!machine.running) return
    world.note(`${name} is told to stop`)
    void machine.stop()
    // One that has not ended by then is killed, as supervisors do.
    this.#undoLater(fault, () => world.restart(name))
  }

  #undoLater({ forMs }: Fault, undo: () => void): void {
    const once = (): void => {
      if (this.#open.delete(once)) undo()
    }
    this.#open.add(once)
    this.#world.after(forMs, once)
  }

  /** The name that is hit; undefined when nobody has the role, or nobody has the name. */
  #aim(target: FaultTarget): string | undefined {
    const world = this.#world
    if (target.role === 'name') return world.names.find((name) => name === target.name)
    if (target.number === 'metadata') return world.cluster.leaderOf('metadata')
    const { role, number } = target
    if (role === 'leader') return world.leaderOfNumber(number)
    const names = world.namesOf(role)
    return names[number % Math.max(names.length, 1)]
  }
}
