// Nodes that consist of a mesh and the smallest door that can accept peers, over the simulated
// network. The door speaks the server side of NATS as far as a mesh link needs it.
import { ActorSystem, noProbe } from '@quorate/actors'
import { type SimulatedHost, Simulation } from '@quorate/actors/testing'
import { type Chunks, NatsParser, natsWriter, type QuorateError } from '@quorate/protocol'
import type { MeshLogRecord, PeerRequest } from '../../src/mesh/events.ts'
import type { AcceptedPeer } from '../../src/mesh/inbox.ts'
import type { MeshLimits } from '../../src/mesh/limits.ts'
import { createMesh, type Mesh } from '../../src/mesh/mesh.ts'
import type { ByteLink, LinkHandlers, Network } from '../../src/mesh/network.ts'
import { SimulatedNetwork } from '../../src/simulation/simulated-network.ts'
import { joined, type Message } from './entries.ts'

export const maxPayload = 1024 * 1024

export interface Received {
  readonly from: string
  readonly fromReplica: number
  readonly toReplica: number
  readonly session: number
  readonly message: Message
}

export class TestNode {
  readonly id: string
  readonly host: SimulatedHost
  readonly system: ActorSystem
  readonly mesh: Mesh
  readonly network: Network
  readonly raft: Received[] = []
  readonly messages: { readonly from: string; readonly kind: string; readonly bytes: number[] }[] =
    []
  /** What happened to peers, e.g. `up n2`. */
  readonly peers: string[] = []
  strangers = 0
  readonly log: MeshLogRecord[] = []
  /** Bytes of each frame that came in, as sent. */
  readonly frames: { readonly label: string; readonly byteLength: number }[] = []
  /** Changes bytes of incoming frames. */
  damage: ((payload: Chunks) => Chunks) | undefined
  serve: (request: PeerRequest) => void = (request) => request.respond({ payload: request.payload })

  constructor(
    world: MeshWorld,
    id: string,
    session: number,
    overrides: { readonly secret?: string; readonly clusterId?: string } = {},
  ) {
    this.id = id
    this.host = world.simulation.host(`${id}`)
    this.network = world.network.host(id, this.host)
    const { random } = world.simulation
    this.system = new ActorSystem({ name: id, host: this.host, random })
    const listed = [...world.plan].filter(([other]) => other !== id)
    const peer = (other: string) => {
      const { address, incarnation } = world.plan.get(other)!
      return { address, incarnation }
    }
    this.mesh = createMesh({
      network: this.network,
      system: this.system,
      clock: this.host,
      probe: noProbe,
      self: {
        clusterId: 'c1c1c1c1c1c1c1c1',
        secret: 'ab'.repeat(32),
        nodeId: id,
        session,
        ...peer(id),
        ...overrides,
      },
      peers: new Map(listed.map(([other]) => [other, peer(other)])),
      nonce: () => hexNonce(random.integer(`${id}/nonce`, 2 ** 48)),
      limits: world.limits,
      events: {
        raft: (_group, fromReplica, toReplica, message, from, peerSession) =>
          this.raft.push({ from, fromReplica, toReplica, session: peerSession, message }),
        request: (request) => this.serve(request),
        message: (from, kind, bytes) => this.messages.push({ from, kind, bytes: joined(bytes) }),
        peerUp: (node) => this.peers.push(`up ${node}`),
        peerDown: (node) => this.peers.push(`down ${node}`),
        connectionLost: (node) => this.peers.push(`lost ${node}`),
        strangerRefused: () => {
          this.strangers += 1
        },
        addressChanged: (node, address) => this.peers.push(`at ${node} ${address}`),
        log: (record) => this.log.push(record),
      },
      tap: world.network.messages.tap(id, this.host),
    })
    this.network.listen(
      peer(id).address,
      (link) => new TestDoor(this, link, hexNonce(random.integer(`${id}/door`, 2 ** 48))).handlers,
      (error) => {
        if (error !== undefined) throw error
      },
    )
  }
}

export interface DoorNode {
  readonly id: string
  readonly mesh: Mesh
  readonly frames: { readonly label: string; readonly byteLength: number }[]
  readonly damage: ((payload: Chunks) => Chunks) | undefined
}

export class TestDoor {
  readonly handlers: LinkHandlers
  #accepted: AcceptedPeer | undefined

  constructor(node: DoorNode, link: ByteLink, nonce: string) {
    const info = { server_id: node.id, nonce, max_payload: maxPayload, headers: true }
    const fail = (text: string): void => {
      link.write(natsWriter.error(text))
      link.end()
    }
    const connect = (options: Record<string, unknown>): void => {
      const judged = node.mesh.accept(options, nonce, () => link.destroy())
      if ('refused' in judged) {
        fail(`${judged.refused.code}: ${judged.refused.detail}`)
        return
      }
      this.#accepted = judged
      link.write(natsWriter.info({ ...info, ...judged.info }))
    }
    const parser = new NatsParser(
      'server',
      {
        connect,
        pub: ({ subject, payload }) => {
          if (subject !== `$Q.mesh.${node.id}` || this.#accepted === undefined) {
            fail('QUORATE_PERMISSION: mesh subjects need a proof')
            return
          }
          const { peerLabel } = this.#accepted
          node.frames.push({ label: peerLabel, byteLength: payload.byteLength })
          try {
            this.#accepted.frame(node.damage === undefined ? payload : node.damage(payload))
          } catch (error) {
            fail(`${(error as QuorateError).code}: damaged`)
          }
        },
        sub: () => fail('no subscriptions here'),
        unsub: () => fail('no subscriptions here'),
        ping: () => link.write(natsWriter.pong()),
        pong: () => {},
        protocolError: (_kind, text) => fail(text),
      },
      { maxPayloadBytes: maxPayload, maxControlLineBytes: 4096 },
    )
    link.write(natsWriter.info(info))
    this.handlers = {
      data: (chunk) => parser.push(chunk),
      closed: () => this.#accepted?.closed(),
    }
  }
}

export class MeshWorld {
  readonly simulation: Simulation
  readonly network: SimulatedNetwork
  readonly limits: Partial<MeshLimits>
  readonly plan = new Map<string, { readonly address: string; readonly incarnation: string }>()

  constructor(seed: string, nodes: readonly string[], limits: Partial<MeshLimits> = {}) {
    this.simulation = new Simulation(seed)
    this.network = new SimulatedNetwork(this.simulation, this.simulation.random)
    this.limits = limits
    for (const id of nodes) {
      this.plan.set(id, { address: `${id}.test:4222`, incarnation: `${id}`.repeat(8) })
    }
  }

  run(forMs: number): void {
    this.simulation.runUntil(this.simulation.nowMs + forMs)
  }

  kill(node: TestNode): void {
    node.host.crash()
    this.network.crash(node.id)
  }
}

/** Two nodes that are up with each other. */
export function pair(
  seed: string,
  limits: Partial<MeshLimits> = {},
): { world: MeshWorld; n1: TestNode; n2: TestNode } {
  const world = new MeshWorld(seed, ['n1', 'n2'], limits)
  const n1 = new TestNode(world, 'n1', 11)
  const n2 = new TestNode(world, 'n2', 22)
  world.run(200)
  return { world, n1, n2 }
}

function hexNonce(value: number): string {
  return value.toString(16).padStart(32, '0')
}
