// The host and the network of a process that runs user code: those of the simulation, with a call
// before everything that may run such code, so that driver.ts lets it finish before time goes on.
import type { Host, TimerHandle } from '@quorate/actors'
import type { SimulatedHost } from '@quorate/actors/testing'
import type { ByteNetwork } from '@quorate/client/testing'
import type { Network } from '../mesh/network.ts'

export function userHost(host: SimulatedHost, touch: () => void): Host {
  const touching = (run: () => void) => (): void => {
    touch()
    run()
  }
  return {
    monotonicMs: () => host.monotonicMs(),
    wallMs: () => host.wallMs(),
    setTimer: (fire, delayMs) => host.setTimer(touching(fire), delayMs),
    clearTimer: (handle: TimerHandle) => host.clearTimer(handle),
    nextTurn: (run) => host.nextTurn(touching(run)),
  }
}

export function userNetwork(network: Network, touch: () => void): ByteNetwork {
  return {
    connect: (address, handlers, open) =>
      network.connect(
        address,
        {
          data: (chunk) => {
            touch()
            handlers.data(chunk)
          },
          closed: (error) => {
            touch()
            handlers.closed(error)
          },
        },
        (link) => {
          touch()
          open(link)
        },
      ),
  }
}
