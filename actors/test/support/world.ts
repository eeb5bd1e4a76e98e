// A system on one simulated host, and an actor that writes down what it receives: what most tests
// of this package need.
import type { Actor, ActorContext, InspectionRecord } from '../../src/index.ts'
import { ActorSystem } from '../../src/index.ts'
import { type SimulatedHost, Simulation } from '../../src/testing/index.ts'

export interface World {
  readonly simulation: Simulation
  readonly host: SimulatedHost
  readonly system: ActorSystem
  readonly records: InspectionRecord[]
  /** Runs everything that is due now, without letting time pass. */
  settle(): void
}

export function world(options: { turnMessages?: number; name?: string } = {}): World {
  const simulation = new Simulation('test')
  const host = simulation.host('host')
  const records: InspectionRecord[] = []
  const system = new ActorSystem({
    name: options.name ?? 'n1',
    host,
    random: simulation.random,
    inspect: (record) => records.push(record),
    ...(options.turnMessages === undefined ? {} : { turnMessages: options.turnMessages }),
  })
  return {
    simulation,
    host,
    system,
    records,
    settle: () => simulation.runUntil(simulation.nowMs),
  }
}

/** Appends every message to `seen`, then does `also`. */
export function recorder<Message>(
  seen: Message[],
  also: (message: Message, context: ActorContext<Message>) => void = () => {},
): Actor<Message> {
  return {
    receive(message, context) {
      seen.push(message)
      also(message, context)
    },
  }
}
