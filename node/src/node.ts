// Composition root of one broker node: storage, actors, mesh, doors and handlers are built here and
// joined; nothing here decides anything about messages. Disk, network, clock and randomness come in
// through NodeEnvironment, so the same node runs in a process (main.ts) and in the simulator.
import { type Actor, type ActorContext, type ActorRef, ActorSystem } from '@quorate/actors'
import { leaderEventSubject, QuorateError } from '@quorate/protocol'
import { CoreRouter } from './core-messaging/router.ts'
import { type ApiHandler, serveApi } from './doors/api.ts'
import type { HealthCheck } from './doors/http/routes.ts'
import { type NatsDoor, openNatsDoor } from './doors/nats/listener.ts'
import { apiHandlers } from './handlers/api-handlers.ts'
import { jsonBody } from './handlers/json-body.ts'
import { answerNode, internalPrefix } from './handlers/node-requests.ts'
import type { NodeStatus } from './handlers/status.ts'
import { limits } from './limits.ts'
import type { PeerRequest } from './mesh/events.ts'
import { createMesh, type Mesh } from './mesh/mesh.ts'
import { initialMetadata } from './metadata/initial.ts'
import type { MetadataMachine } from './metadata/machine.ts'
import { MetadataActor } from './metadata/metadata-actor.ts'
import { meshForwarder } from './metadata/metadata-forwarder.ts'
import type { MetadataMessage } from './metadata/metadata-message.ts'
import { type LaterMessage, NodeBroker } from './node-broker.ts'
import type { NodeEnvironment, NodeOptions } from './node-environment.ts'
import { Metrics } from './observe/metrics.ts'
import { registerNodeMetrics } from './observe/node-metrics.ts'
import {
  PartitionDirectory,
  PartitionSupervisor,
  type SupervisorMessage,
} from './partition/partition-supervisor.ts'
import { decodeHints, encodeHints } from './replication/leader-gossip.ts'
import { type LeaderHint, LeaderTable } from './replication/leader-table.ts'
import { type GroupKey, groupKey, metadataGroup } from './storage/log-entry.ts'
import { type OpenedStorage, openStorage, type Storage } from './storage/storage.ts'

export class BrokerNode {
  readonly metrics = new Metrics()
  readonly #environment: NodeEnvironment
  readonly #options: NodeOptions
  readonly #opened: OpenedStorage
  readonly #system: ActorSystem
  readonly #storage: Storage
  readonly #leaders = new LeaderTable()
  readonly #directory = new PartitionDirectory()
  readonly #leading = new Set<GroupKey>()
  readonly #peersUp = new Set<string>()
  readonly #halted = new Set<GroupKey>()
  readonly #retentionHeld = new Map<GroupKey, string>()
  #door!: NatsDoor
  #mesh!: Mesh
  #router!: CoreRouter
  #broker!: NodeBroker
  #handler!: ApiHandler
  #metadataActor!: ActorRef<MetadataMessage>
  #supervisor!: ActorRef<SupervisorMessage>
  #later!: ActorRef<LaterMessage>
  #machine: MetadataMachine
  #metadataLeader: { node: string | undefined; term: number } = { node: undefined, term: 0 }
  #address = ''
  #electionsWon = 0
  #stopping = false

  private constructor(environment: NodeEnvironment, options: NodeOptions, opened: OpenedStorage) {
    this.#environment = environment
    this.#options = options
    this.#opened = opened
    const { nodeId, plan } = opened.identity
    this.#system = new ActorSystem({
      name: nodeId,
      host: environment.host,
      random: environment.random,
      inspect: (record) => {
        if (record.kind === 'failed') {
          environment.log.error('actor.failed', { path: record.path, error: record.error })
        }
      },
    })
    this.#machine = initialMetadata(plan)
    this.#storage = opened.start(this.#system, {
      failed: (error) => this.#fail(error.message),
      event: ({ event, ...fields }) => environment.log.warn(event, fields),
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
    })
    for (const { event, ...fields } of opened.events) environment.log.warn(event, fields)
    const node = new BrokerNode(environment, options, opened)
    node.#open(done)
  }

  get nodeId(): string {
    return this.#opened.identity.nodeId
  }
  /** `host:port` the door is bound to. */
  get address(): string {
    return this.#address
  }

  started(): readonly HealthCheck[] {
    return [{ name: 'storage', ok: true }]
  }

  ready(): readonly HealthCheck[] {
    const voters = this.#opened.identity.plan.nodes.length
    const peersNeeded = Math.floor(voters / 2)
    return [
      { name: 'not-stopping', ok: !this.#stopping },
      { name: 'replicas-recovered', ok: this.#directory.settled },
      {
        name: 'mesh-up',
        ok: this.#peersUp.size >= peersNeeded,
        detail: `${this.#peersUp.size} of ${voters - 1} peers`,
      },
      { name: 'metadata-leader-known', ok: this.#metadataLeader.node !== undefined },
    ]
  }

  /**
   * Clean stop: readiness off, leaderships handed over (at most `limits.handOverMs`), checkpoints
   * written, WAL synced and sealed. `done` is called once.
   */
  stop(done: () => void): void {
    if (this.#stopping) return
    this.#stopping = true
    this.#environment.log.info('node.stopping', { leading: this.#leading.size })
    this.#door.stopListening()
    const untilMs = this.#environment.host.monotonicMs() + limits.handOverMs
    this.#handOver(untilMs, () => this.#checkpointAll(() => this.#close(done)))
  }

  // ── start ──────────────────────────────────────────────────────────────────────────────────

  #open(done: (error: QuorateError | undefined, node: BrokerNode | undefined) => void): void {
    const { network, host, random, log } = this.#environment
    this.#later = this.#system.spawn<LaterMessage>('later', () => new Later())
    this.#router = new CoreRouter({
      nodeId: this.nodeId,
      random,
      transport: { send: (node, kind, bytes) => this.#mesh.send(node, kind, bytes) },
    })
    const { nodeId, plan } = this.#opened.identity
    const planned = plan.nodes.find(({ id }) => id === nodeId)
    if (planned === undefined) throw new Error(`${nodeId} is not in its own plan`)
    const { listen, advertise } = this.#options.bind(planned.address)
    openNatsDoor(
      {
        network,
        host,
        address: listen,
        nodeId,
        serverId: `${nodeId}-${this.#environment.session}`,
        version: this.#options.version,
        nonce: () => this.#environment.nonce(),
        router: this.#router,
        api: (request) => this.#handler(request),
        acceptor: { accept: (...call) => this.#mesh.accept(...call) },
        log,
      },
      (error, door) => {
        if (door === undefined) {
          done(error, undefined)
          return
        }
        this.#door = door
        this.#address = advertise ?? door.address
        this.#join()
        done(undefined, this)
      },
    )
  }

  /** The door is open and the address known: links to peers, replicas and handlers start. */
  #join(): void {
    this.#mesh = this.#createMesh()
    this.#metadataActor = this.#spawnMetadata()
    this.#broker = this.#createBroker()
    const handler = apiHandlers(this.#broker, () => this.#environment.host.wallMs())
    this.#handler = (request) => {
      if (this.#stopping && request.verb !== 'status') {
        throw new QuorateError('QUORATE_SHUTTING_DOWN')
      }
      handler(request)
    }
    this.#supervisor = this.#spawnSupervisor()
    this.#register()
    registerNodeMetrics(this.metrics, {
      storage: this.#storage,
      mesh: this.#mesh,
      door: this.#door,
      router: this.#router,
      leading: () => this.#leading.size,
      replicas: () => this.#directory.running().length,
      elections: () => this.#electionsWon,
      actors: () => this.#system.statistics,
    })
  }

  #createMesh(): Mesh {
    const { identity, secret } = this.#opened
    const { network, host, session, log } = this.#environment
    const peers = new Map(
      identity.plan.nodes
        .filter(({ id }) => id !== identity.nodeId)
        .map(({ id, address, incarnation }) => {
          const pinned = this.#options.peers.get(id)
          return [
            id,
            { address: pinned ?? address, incarnation, pinned: pinned !== undefined },
          ] as const
        }),
    )
    return createMesh({
      network,
      system: this.#system,
      clock: host,
      self: {
        nodeId: identity.nodeId,
        incarnation: identity.incarnation,
        clusterId: identity.clusterId,
        secret,
        session,
        address: this.#address,
      },
      peers,
      nonce: () => this.#environment.nonce(),
      events: {
        raft: (group, fromReplica, toReplica, message) => {
          if (group.topicId === metadataGroup.topicId) {
            this.#metadataActor.send({ type: 'raft', from: fromReplica, message })
          } else if (this.#directory.replicaId(group) === toReplica) {
            this.#directory.ref(group)?.send({ type: 'raft', from: fromReplica, message })
          }
        },
        request: (request) => this.#servePeer(request),
        message: (fromNode, kind, bytes) => {
          if (kind !== 'leaders') this.#router.receive(fromNode, kind, bytes)
          else for (const hint of decodeHints(bytes)) this.#observeLeader(hint)
        },
        peerUp: (node) => {
          this.#peersUp.add(node)
          this.#router.peerUp(node)
          const led = this.#leaders.ledBy(this.nodeId)
          if (led.length > 0) this.#mesh.send(node, 'leaders', encodeHints(led))
        },
        peerDown: (node) => {
          this.#peersUp.delete(node)
          this.#router.peerDown(node)
        },
        connectionLost: (node) => {
          log.warn('mesh.connection-lost', { peer: node })
          this.#metadataActor.send({ type: 'connection-lost', node })
          for (const partition of this.#directory.running()) {
            partition.send({ type: 'connection-lost', node })
          }
        },
        addressChanged: () => {},
        log: ({ event, node: peer, ...fields }) => log.info(event, { peer, ...fields }),
      },
    })
  }

  #spawnMetadata(): ActorRef<MetadataMessage> {
    const { plan } = this.#opened.identity
    const nodes = new Map(plan.nodes.map(({ id }, index) => [index + 1, id] as const))
    return this.#system.spawn<MetadataMessage>(
      'metadata',
      () =>
        new MetadataActor({
          node: this.nodeId,
          nodes,
          session: this.#environment.session,
          storage: this.#storage,
          timing: this.#options.timing,
          initial: () => initialMetadata(plan),
          send: (...call) => this.#mesh.sendRaft(...call),
          forwarder: meshForwarder(() => this.#broker),
          events: {
            applied: (machine) => {
              this.#machine = machine
              this.#supervisor?.reply({ type: 'reconcile' })
            },
            leaderChanged: (node, term) => {
              this.#metadataLeader = { node, term }
            },
            event: (name, fields) => this.#partitionEvent(name, fields),
            halted: (reason) => this.#fail(reason),
          },
        }),
    )
  }

  #spawnSupervisor(): ActorRef<SupervisorMessage> {
    const found = new Map<GroupKey, number>()
    for (const [key, { replicaId }] of this.#opened.groups) {
      if (key !== groupKey(metadataGroup)) found.set(key, replicaId)
    }
    const supervisor = this.#system.spawn<SupervisorMessage>(
      'partitions',
      () =>
        new PartitionSupervisor(
          {
            node: this.nodeId,
            storage: this.#storage,
            metadata: () => this.#machine,
            found,
            executedIndex: this.#opened.executedIndex,
            partition: () => ({
              node: this.nodeId,
              session: this.#environment.session,
              timing: this.#options.timing,
              send: (...call) => this.#mesh.sendRaft(...call),
              addressOf: (node) => this.#addressOf(node),
              events: {
                leaderChanged: (hint) => this.#observeLeader(hint),
                retentionHeld: (key, reason) => {
                  if (reason === undefined) this.#retentionHeld.delete(key)
                  else this.#retentionHeld.set(key, reason)
                },
                event: (name, fields) => this.#partitionEvent(name, fields),
              },
            }),
            event: (name, fields) => this.#environment.log.warn(name, fields),
            dropping: (group) => {
              this.#leaders.forget(group)
              this.#leading.delete(groupKey(group))
            },
            removed: (topicId) => this.#confirmDrop(topicId),
          },
          this.#directory,
        ),
    )
    supervisor.reply({ type: 'reconcile' })
    return supervisor
  }

  #createBroker(): NodeBroker {
    const { host, random, session } = this.#environment
    return new NodeBroker({
      node: this.nodeId,
      session,
      clock: host,
      random,
      autoCreateTopics: this.#options.autoCreateTopics,
      leaders: this.#leaders,
      directory: this.#directory,
      mesh: this.#mesh,
      metadataActor: this.#metadataActor,
      later: this.#later,
      metadata: () => this.#machine,
      addressOf: (node) => this.#addressOf(node),
      nodeIds: () => this.#opened.identity.plan.nodes.map(({ id }) => id),
      status: () => this.#status(),
      metadataLeader: () => this.#metadataLeader,
    })
  }

  /** Tells the metadata group where this node is now; repeated until it has been committed. */
  #register(): void {
    if (this.#stopping) return
    const { nodeId, incarnation } = this.#opened.identity
    const request = {
      kind: 'register-node' as const,
      requestId: this.#broker.requestId(),
      nodeId,
      incarnation,
      address: this.#address,
      httpAddress: this.#options.httpAddress ?? '',
    }
    const deadlineMs = this.#environment.host.monotonicMs() + limits.adminTimeoutMs
    this.#broker.propose(request, deadlineMs, (outcome) => {
      if ('error' in outcome) this.#broker.after(limits.registerRetryMs, () => this.#register())
    })
  }

  #confirmDrop(topicId: number): void {
    if (this.#stopping) return
    const request = {
      kind: 'confirm-drop' as const,
      requestId: this.#broker.requestId(),
      nodeId: this.nodeId,
      topicId,
    }
    const deadlineMs = this.#environment.host.monotonicMs() + limits.adminTimeoutMs
    this.#broker.propose(request, deadlineMs, (outcome) => {
      if ('error' in outcome) {
        this.#broker.after(limits.registerRetryMs, () => this.#confirmDrop(topicId))
      }
    })
  }

  // ── running ────────────────────────────────────────────────────────────────────────────────

  #servePeer(request: PeerRequest): void {
    const { subject, headers, payload, deadlineMs } = request
    try {
      if (subject.startsWith(internalPrefix)) {
        const question = subject.slice(internalPrefix.length)
        const body = jsonBody(payload)
        answerNode(this.#broker, this.#metadataActor, question, body, request.respond)
        return
      }
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error
      request.respond(error)
      return
    }
    serveApi(
      { subject, headers, payload, deadlineMs, origin: 'peer' },
      this.#handler,
      request.respond,
      (error) => this.#environment.log.error('handler.failed', { subject, error }),
    )
  }

  #observeLeader(hint: LeaderHint): void {
    const key = groupKey(hint)
    const here = hint.node === this.nodeId
    if (here) this.#leading.add(key)
    else if (hint.term >= (this.#leaders.get(hint)?.term ?? 0)) this.#leading.delete(key)
    if (!this.#leaders.observe(hint) || hint.node === undefined) return
    if (here) {
      const bytes = encodeHints([hint])
      for (const peer of this.#peersUp) this.#mesh.send(peer, 'leaders', bytes)
    }
    const address = this.#addressOf(hint.node)
    if (address !== undefined) this.#door.pushEvent(leaderEventSubject, { ...hint, address })
  }

  #partitionEvent(name: string, fields: Readonly<Record<string, unknown>>): void {
    if (name === 'raft.leader_elected') this.#electionsWon += 1
    if (name === 'partition.halted') this.#halted.add(String(fields['group']))
    this.#environment.log.info(name, fields)
  }

  #addressOf(node: string): string | undefined {
    if (node === this.nodeId) return this.#address
    return this.#machine.nodeById(node)?.address
  }

  #status(): NodeStatus {
    return {
      node: this.nodeId,
      incarnation: this.#opened.identity.incarnation,
      address: this.#address,
      http: this.#options.httpAddress ?? null,
      version: this.#options.version,
      ready: this.ready().every(({ ok }) => ok),
      replicas: this.#directory.running().length,
      leaders: this.#leading.size,
      halted: [...this.#halted],
      amnesiac: this.#directory.amnesiac(),
      retentionHeld: [...this.#retentionHeld].map(([group, reason]) => ({ group, reason })),
      refusing: this.#storage.writable() ?? null,
      peersUp: [...this.#peersUp].sort(),
    }
  }

  #fail(reason: string): void {
    this.#environment.log.error('node.failed', { reason })
    this.#environment.failed(reason)
  }

  // ── stop ───────────────────────────────────────────────────────────────────────────────────

  #handOver(untilMs: number, done: () => void): void {
    const metadataHere = this.#metadataLeader.node === this.nodeId
    const alone = this.#peersUp.size === 0
    const late = this.#environment.host.monotonicMs() >= untilMs
    if (alone || late || (this.#leading.size === 0 && !metadataHere)) {
      done()
      return
    }
    if (metadataHere) this.#metadataActor.send({ type: 'transfer', to: 0 })
    for (const partition of this.#directory.running()) partition.send({ type: 'transfer', to: 0 })
    this.#broker.after(limits.handOverRetryMs, () => this.#handOver(untilMs, done))
  }

  #checkpointAll(done: () => void): void {
    const refs = [this.#metadataActor, ...this.#directory.running()]
    let open = refs.length
    const settle = () => {
      open -= 1
      if (open === 0) done()
    }
    for (const ref of refs) ref.reply({ type: 'checkpoint', respond: settle })
  }

  #close(done: () => void): void {
    this.#storage.close((error) => {
      if (error !== undefined) {
        this.#environment.log.error('storage.close-failed', { error })
      }
      this.#mesh.close()
      this.#door.close()
      this.#system.stop()
      done()
    })
  }
}

class Later implements Actor<LaterMessage | { readonly due: () => void }> {
  #timers = 0

  receive(
    message: LaterMessage | { readonly due: () => void },
    context: ActorContext<LaterMessage | { readonly due: () => void }>,
  ): void {
    if ('due' in message) {
      message.due()
      return
    }
    this.#timers += 1
    context.setTimer(`later-${this.#timers}`, message.delayMs, { due: message.run })
  }
}
