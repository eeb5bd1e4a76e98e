// Composition root of one broker node: storage, actors, mesh, doors and handlers are built here and
// joined; nothing here decides anything about messages. Disk, network, clock and randomness come in
// through NodeEnvironment, so the same node runs in a process (main.ts) and in the simulator.
import { type ActorRef, ActorSystem, noProbe } from '@quorate/actors'
import { leaderEventSubject, QuorateError } from '@quorate/protocol'
import { CoreRouter } from './core-messaging/router.ts'
import type { ApiHandler } from './doors/api.ts'
import type { HealthCheck } from './doors/http/routes.ts'
import { type NatsDoor, openNatsDoor } from './doors/nats/listener.ts'
import { apiHandlers } from './handlers/api-handlers.ts'
import { Later, type LaterMessage } from './later.ts'
import type { Mesh } from './mesh/mesh.ts'
import { initialMetadata } from './metadata/initial.ts'
import type { MetadataMachine } from './metadata/machine.ts'
import type { MetadataMessage } from './metadata/metadata-message.ts'
import { NodeBroker } from './node-broker.ts'
import type { NodeEnvironment, NodeOptions } from './node-environment.ts'
import { type GivenUpNodes, givenUpByNode } from './node-given-up.ts'
import { NodeHealth } from './node-health.ts'
import { NodeLeadership } from './node-leadership.ts'
import { membersOfNode, type NodeMembers } from './node-members.ts'
import { createNodeMesh } from './node-mesh.ts'
import { type Registrar, registerNode } from './node-registration.ts'
import { type ReplicaWiring, spawnMetadata, spawnSupervisor } from './node-replicas.ts'
import { stopNode } from './node-stop.ts'
import { NodeWatch } from './node-watch.ts'
import { Metrics } from './observe/metrics.ts'
import { registerNodeMetrics } from './observe/node-metrics.ts'
import { PartitionDirectory } from './partition/partition-directory.ts'
import type { SupervisorMessage } from './partition/partition-supervisor.ts'
import type { NodeProbe } from './probes.ts'
import { fetchOver } from './replication/peer-fetch.ts'
import { decodeFound, entriesQuestion } from './replication/repair-codec.ts'
import { SnapshotPacer } from './replication/snapshot-pacer.ts'
import { decodeStatePiece, stateQuestion } from './replication/state-codec.ts'
import { type GroupKey, metadataGroup, parseGroupKey } from './storage/log-entry.ts'
import { planNode } from './storage/plan.ts'
import { type LogHole, type OpenedStorage, openStorage, type Storage } from './storage/storage.ts'

/** Events a person should look at. */
const alarming: ReadonlySet<string> = new Set([
  'partition.halted',
  'metadata.halted',
  'replica.amnesiac',
  'replica.state-lost',
  'replica.tail-unknown',
  'replica.tail-dropped',
  'replica.waits-for',
  'replica.create-failed',
  'replica.drop-failed',
  'checkpoint.failed',
  'retention.failed',
  'replication.damaged-message',
  'disk.stalled',
  'storage.damaged',
  'storage.repair-failed',
])

export class BrokerNode {
  readonly metrics = new Metrics()
  readonly #environment: NodeEnvironment
  readonly #options: NodeOptions
  readonly #probe: NodeProbe
  readonly #opened: OpenedStorage
  readonly #system: ActorSystem
  readonly #storage: Storage
  readonly #directory = new PartitionDirectory()
  readonly #members: NodeMembers
  readonly #givenUp: GivenUpNodes
  readonly #leadership: NodeLeadership
  readonly #health: NodeHealth
  readonly #later: ActorRef<LaterMessage>
  readonly #router: CoreRouter
  readonly #pacer: SnapshotPacer
  #door!: NatsDoor
  #mesh!: Mesh
  #broker!: NodeBroker
  #registrar!: Registrar
  #metadataActor!: ActorRef<MetadataMessage>
  #supervisor: ActorRef<SupervisorMessage> | undefined
  /** This node's copy of the cluster metadata, as far as it has applied them. */
  #machine: MetadataMachine
  #address = ''
  #stopping = false

  private constructor(environment: NodeEnvironment, options: NodeOptions, opened: OpenedStorage) {
    this.#environment = environment
    this.#options = options
    this.#opened = opened
    this.#probe = environment.probe ?? noProbe
    const { host, random, log } = environment
    const { nodeId, incarnation, plan } = opened.identity
    this.#system = new ActorSystem({
      name: nodeId,
      host,
      random,
      probe: this.#probe,
      inspect: (record) => {
        if (record.kind !== 'failed') return
        log.error('actor.failed', { path: record.path, error: record.error })
      },
      escalated: (error, path) => this.#fail(`${path}: ${String(error)}`),
    })
    for (const { state, ...report } of opened.damage) {
      // Replicas that may not run tell so themselves.
      if (state !== 'amnesiac') log.warn('storage.damaged', { state, ...report })
    }
    this.#machine = initialMetadata(plan)
    this.#pacer = new SnapshotPacer(host)
    this.#storage = opened.start(this.#system, {
      failed: (error) => this.#fail(error.message),
      event: ({ event, ...fields }) => log.warn(event, fields),
      holeFound: (group, hole) => this.#holeFound(group, hole),
    })
    this.#members = membersOfNode(environment, options, opened.identity, () => this.#mesh)
    this.#givenUp = givenUpByNode(environment, options, this.#members, nodeId, () => this.#mesh)
    this.#leadership = new NodeLeadership({
      node: nodeId,
      clock: host,
      metadata: () => this.#machine,
      addressOf: (node) => this.#addressOf(node),
      gossip: (peer, bytes) => this.#mesh.send(peer, 'leaders', bytes),
      announce: (leader) => this.#door.pushEvent(leaderEventSubject, leader),
      clockTrusted: (trusted, skewMs) =>
        log.warn(trusted ? 'clock.trusted-again' : 'clock.skewed', { skewMs }),
    })
    this.#health = new NodeHealth({
      identity: {
        node: nodeId,
        incarnation,
        version: options.version,
        http: options.httpAddress ?? null,
      },
      nodes: () => this.#members.ids().length,
      directory: this.#directory,
      leadership: this.#leadership,
      storage: this.#storage,
      address: () => this.#address,
      stopping: () => this.#stopping,
      metadata: () => this.#machine,
    })
    this.#later = this.#system.spawn<LaterMessage>(
      'later',
      () => new Later((error) => this.#defect('later', error)),
    )
    this.#router = new CoreRouter({
      nodeId,
      random,
      transport: { send: (node, kind, bytes) => this.#mesh.send(node, kind, bytes) },
    })
  }

  /** Opens the data folder and the door. Throws, or calls `done` with, a QuorateError. */
  static start(
    environment: NodeEnvironment,
    options: NodeOptions,
    done: (error: QuorateError | undefined, node: BrokerNode | undefined) => void,
  ): void {
    const opened = openStorage(environment.disk, options.folder, {
      ...options.storage,
      random: environment.random,
      probe: environment.probe ?? noProbe,
    })
    const node = new BrokerNode(environment, options, opened)
    node.#open(done)
  }

  get nodeId(): string {
    return this.#opened.identity.nodeId
  }
  /** `host:port` that others are told; the one the door is bound to unless it is advertised. */
  get address(): string {
    return this.#address
  }

  started(): readonly HealthCheck[] {
    return this.#health.started()
  }

  ready(): readonly HealthCheck[] {
    return this.#health.ready()
  }

  /** Hands all leaderships over to whoever is ready for them. The node goes on, and may win others. */
  handOver(): void {
    for (const ref of [this.#metadataActor, ...this.#directory.running()]) {
      ref.send({ type: 'transfer', to: 0 })
    }
  }

  /**
   * Clean stop: readiness off, leaderships handed over (at most `limits.handOverMs`), checkpoints
   * written, WAL synced and sealed. `done` is called once; a second call changes nothing.
   */
  stop(done: () => void): void {
    if (this.#stopping) return
    this.#stopping = true
    const { host, log } = this.#environment
    log.info('node.stopping', { leading: this.#leadership.leading })
    this.#door.stopListening()
    stopNode({
      metadata: this.#metadataActor,
      mesh: this.#mesh,
      storage: this.#storage,
      monotonicMs: () => host.monotonicMs(),
      partitions: () => this.#directory.running(),
      leading: () => this.#leads(),
      after: (delayMs, run) => this.#broker.after(delayMs, run),
      endReplicas: () => {
        this.#system.stop(this.#supervisor)
        this.#system.stop(this.#metadataActor)
      },
      end: (error) => {
        if (error !== undefined) log.error('storage.close-failed', { error })
        this.#door.close()
        this.#system.stop()
        done()
      },
    })
  }

  /** Something that a peer could lead instead. */
  #leads(): boolean {
    if (this.#leadership.peersUp.size === 0) return false
    const isMetadataHere = this.#health.metadataLeader.node === this.nodeId
    return isMetadataHere || this.#leadership.handable > 0
  }

  // ── start ──────────────────────────────────────────────────────────────────────────────────

  #open(done: (error: QuorateError | undefined, node: BrokerNode | undefined) => void): void {
    const { network, host, log, session } = this.#environment
    const { nodeId, plan } = this.#opened.identity
    const planned = planNode(plan, nodeId)
    if (planned === undefined) throw new Error(`${nodeId} is not in its own plan`)
    const { listen, advertise } = this.#options.bind(planned.address)
    let handler: ApiHandler = () => {
      throw new QuorateError('QUORATE_SHUTTING_DOWN', 'the node is starting')
    }
    openNatsDoor(
      {
        network,
        host,
        address: listen,
        nodeId,
        serverId: `${nodeId}-${session}`,
        version: this.#options.version,
        nonce: () => this.#environment.nonce(),
        router: this.#router,
        api: (request) => handler(request),
        acceptor: { accept: (...call) => this.#mesh.accept(...call) },
        log,
      },
      (error, door) => {
        if (door === undefined) {
          this.#storage.close(() => host.nextTurn(() => this.#system.stop()))
          done(error, undefined)
          return
        }
        this.#door = door
        this.#address = advertise ?? door.address
        handler = this.#join()
        done(undefined, this)
      },
    )
  }

  /** The door is open and the address known: links to peers, replicas and handlers start. */
  #join(): ApiHandler {
    const { host } = this.#environment
    let handle: ApiHandler | undefined
    const handler: ApiHandler = (request) => {
      if (this.#stopping && request.verb !== 'status') {
        throw new QuorateError('QUORATE_SHUTTING_DOWN')
      }
      handle!(request)
    }
    this.#mesh = createNodeMesh({
      environment: this.#environment,
      system: this.#system,
      opened: this.#opened,
      members: this.#members,
      givenUp: this.#givenUp,
      address: this.#address,
      pinned: this.#options.peers,
      limits: this.#options.mesh,
      router: this.#router,
      directory: this.#directory,
      leadership: this.#leadership,
      handler,
      entries: { storage: this.#storage, admits: (bytes) => this.#pacer.admits(bytes) },
      metadata: () => this.#metadataActor,
      broker: () => this.#broker,
    })
    const wiring = this.#replicaWiring()
    this.#metadataActor = spawnMetadata(wiring)
    this.#broker = this.#createBroker()
    handle = apiHandlers(this.#broker, () => host.wallMs())
    this.#registrar = this.#createRegistrar()
    this.#supervisor = spawnSupervisor(wiring)
    this.#spawnWatch()
    registerNode(this.#registrar)
    registerNodeMetrics(this.metrics, {
      storage: this.#storage,
      mesh: this.#mesh,
      door: this.#door,
      router: this.#router,
      leading: () => this.#leadership.leading,
      replicas: () => this.#directory.count('running'),
      elections: () => this.#health.electionsWon,
      actors: () => this.#system.statistics,
    })
    return handler
  }

  #replicaWiring(): ReplicaWiring {
    const pacer = this.#pacer
    return {
      admitsSnapshot: (bytes) => pacer.admits(bytes),
      fetchEntries: fetchOver(this.#mesh, entriesQuestion, decodeFound),
      fetchState: fetchOver(this.#mesh, stateQuestion, decodeStatePiece),
      isGone: (group, replica, node) =>
        this.#machine.isBuried(group, replica) || this.#givenUp.has(node),
      system: this.#system,
      storage: this.#storage,
      probe: this.#probe,
      opened: this.#opened,
      mesh: this.#mesh,
      directory: this.#directory,
      leadership: this.#leadership,
      health: this.#health,
      timing: this.#options.timing,
      session: this.#environment.session,
      metadata: () => this.#machine,
      metadataApplied: (machine, topicsChanged) => {
        this.#machine = machine
        if (!topicsChanged) return
        this.#members.learn({ index: machine.applied.index, nodes: machine.nodes() })
        this.#leadership.topicsChanged()
        this.#supervisor?.reply({ type: 'reconcile' })
      },
      broker: () => this.#broker,
      addressOf: (node) => this.#addressOf(node),
      tell: () => this.#registrar,
      event: (name, fields) => this.#event(name, fields),
      failed: (reason) => this.#fail(reason),
    }
  }

  #createBroker(): NodeBroker {
    const { host, random, session } = this.#environment
    return new NodeBroker({
      node: this.nodeId,
      session,
      clock: host,
      random,
      autoCreateTopics: this.#options.autoCreateTopics,
      leaders: this.#leadership.table,
      directory: this.#directory,
      mesh: this.#mesh,
      metadataActor: this.#metadataActor,
      givenUp: this.#givenUp,
      later: this.#later,
      metadata: () => this.#machine,
      addressOf: (node) => this.#addressOf(node),
      members: () => this.#members.all(),
      nodeIds: () => this.#members.ids(),
      status: () => this.#health.status(),
      metadataLeader: () => this.#health.metadataLeader,
      defect: (subject, error) => this.#defect(subject, error),
    })
  }

  #createRegistrar(): Registrar {
    const { nodeId, incarnation } = this.#opened.identity
    return {
      broker: this.#broker,
      node: { nodeId, incarnation },
      address: this.#address,
      httpAddress: this.#options.httpAddress ?? '',
      stopping: () => this.#stopping,
      registered: (index) => this.#health.registered(index),
      refused: ({ kind }, { code, detail }) => {
        const { log } = this.#environment
        if (kind === 'register-node') log.error('node.registration-refused', { code, detail })
        else log.info('node.request-refused', { kind, code, detail })
      },
    }
  }

  #spawnWatch(): void {
    const watched = {
      walOutstandingSinceMs: () => this.#storage.metrics().walOutstandingSinceMs,
      handOver: () => this.handOver(),
      tellTime: () => this.#leadership.tellTime(),
      event: (name: string, fields: Readonly<Record<string, unknown>>) => this.#event(name, fields),
    }
    this.#system.spawn<'look'>('watch', () => new NodeWatch(watched))
  }

  // ── running ────────────────────────────────────────────────────────────────────────────────

  #addressOf(node: string): string | undefined {
    if (node === this.nodeId) return this.#address
    return this.#machine.nodeById(node)?.address ?? this.#members.get(node)?.address
  }

  #event(name: string, fields: Readonly<Record<string, unknown>>): void {
    if (name === 'raft.leader-elected') this.#health.electionsWon += 1
    if (name === 'partition.halted') this.#health.halted(String(fields['group']))
    this.#environment.log[alarming.has(name) ? 'warn' : 'info'](name, fields)
  }

  #holeFound(key: GroupKey, hole: LogHole): void {
    const { file, from, to, firstIndex, lastIndex } = hole
    this.#event('storage.damaged', { group: key, file, from, to, firstIndex, lastIndex })
    const group = parseGroupKey(key)
    if (group.topicId === metadataGroup.topicId) this.#metadataActor.reply({ type: 'holes' })
    else this.#directory.ref(group)?.reply({ type: 'holes' })
  }

  #defect(subject: string, error: unknown): void {
    this.#environment.log.error('handler.failed', { subject, error })
  }

  #fail(reason: string): void {
    this.#environment.log.error('node.failed', { reason })
    this.#environment.failed(reason)
  }
}
