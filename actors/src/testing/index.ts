// The public list of @quorate/actors/testing: the simulated world that ships as product code, for
// quorate's own tests and for users who run their handlers under simulated faults.
export { textHash } from './event-hash.ts'
export type { EventOwner, SimulatedEvent } from './event-queue.ts'
export {
  eventClass,
  SimulatedHost,
  type SimulatedHostOptions,
  simulatedEpochMs,
} from './simulated-host.ts'
export { Simulation, type SimulationBounds } from './simulation.ts'
