// The public list of @quorate/actors. Nothing else of this package may be imported from outside,
// except the simulation under `@quorate/actors/testing`.
export type {
  Actor,
  ActorContext,
  ActorRef,
  SpawnOptions,
  SupervisionOptions,
} from './actor.ts'
export type { Clock, Host, Random, TimerHandle } from './host.ts'
export type { InspectionRecord, Inspector } from './inspection.ts'
export type { Probe, ProbeOf, ProbeTable } from './probe.ts'
export { actorProbes, noProbe } from './probe.ts'
export { keyedRandom } from './random.ts'
export type {
  MessageCodec,
  RemoteEnvelope,
  RemoteMessage,
  RemoteTransport,
  WireBytes,
} from './remote.ts'
export { ActorSystem, type ActorSystemOptions, type SystemStatistics } from './system.ts'
