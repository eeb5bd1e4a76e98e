// Carries out the faults of clients: their processes, clocks, requests and readers. faults.ts aims them
// and ends them; workload.ts is what clients do.
import type { FaultName } from '../plan/fault-table.ts'
import type { Step } from '../plan/plan.ts'
import { type ClientLinkFault, clientLinkFaults } from './client-link-faults.ts'
import type { SimulatedClient } from './simulated-client.ts'
import type { Struck } from './struck.ts'
import type { Workload } from './workload.ts'

export type ClientStrike =
  | Extract<FaultName, 'crash-client' | 'pause-client' | 'jump-client-clock' | 'pause-reader'>
  | ClientLinkFault

const clientStrikes: ReadonlySet<string> = new Set<ClientStrike>([
  'crash-client',
  'pause-client',
  'jump-client-clock',
  'pause-reader',
  ...clientLinkFaults,
])

export function isClientStrike(step: Step): step is Step & { readonly fault: ClientStrike } {
  return clientStrikes.has(step.fault)
}

export class ClientStrikes {
  readonly #workload: Workload

  constructor(workload: Workload) {
    this.#workload = workload
  }

  /** `name` of one client; absent: all. Undefined when nothing changed. */
  strike(
    step: Step & { readonly fault: ClientStrike },
    name: string | undefined,
  ): Struck | undefined {
    const { fault, detail } = step
    const all = this.#workload.clients
    const clients = name === undefined ? all : all.filter((each) => each.name === name)
    switch (fault) {
      case 'crash-client':
        return this.#crash(clients)
      case 'pause-client':
        for (const { host } of clients) host.pause()
        return {
          undo: () => {
            for (const { host } of clients) host.resume()
          },
        }
      case 'jump-client-clock': {
        const byMs = Number(detail)
        for (const client of clients) client.jumpClock(byMs)
        return {
          undo: () => {
            for (const client of clients) client.jumpClock(-byMs)
          },
        }
      }
      case 'pause-reader':
        return this.#pauseReaders()
      default:
        return disturb(fault, clients)
    }
  }

  healAll(): void {
    for (const client of this.#workload.clients) {
      client.linkFaults.clear()
      client.host.resume()
      client.healClock()
      this.#workload.startClient(client)
    }
    this.#workload.resumeReaders()
  }

  #crash(clients: readonly SimulatedClient[]): Struck | undefined {
    const crashed = clients.filter((client) => this.#workload.crashClient(client))
    if (crashed.length === 0) return undefined
    const undo = (): void => {
      for (const client of crashed) this.#workload.startClient(client)
    }
    return { undo }
  }

  #pauseReaders(): Struck {
    let waited = 0
    this.#workload.pauseReaders()
    const undo = (): void => {
      waited = this.#workload.waitingReaders
      this.#workload.resumeReaders()
    }
    return { undo, met: () => waited > 0 || this.#workload.waitingReaders > 0 }
  }
}

function disturb(fault: ClientLinkFault, clients: readonly SimulatedClient[]): Struck {
  const met = (): number => clients.reduce((sum, each) => sum + each.linkFaults.met[fault], 0)
  const before = met()
  for (const { linkFaults } of clients) linkFaults.begin(fault)
  const undo = (): void => {
    for (const { linkFaults } of clients) linkFaults.end(fault)
  }
  return { undo, met: () => met() > before }
}
