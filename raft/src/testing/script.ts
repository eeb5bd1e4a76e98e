// The language of the golden scripts: one command a line, `#` starts a comment. Nothing happens by
// itself: packets and writes wait until a command moves them, so a script shows every step.
//
//   replicas 3 [seed=1] [heartbeatMs=100 …]   a new group; options as in RaftTuning
//   disk 1 term=3 [vote=2] log=1,1,3          before anything else: state found at start
//   campaign 1                                 the election timer of 1 runs out
//   campaign-now 1                             the host asks 1 to campaign
//   advance 100 [1 2]                          time passes; all, or these, get their ticks
//   propose 1 a b                              one proposal of two entries
//   read 1 · transfer 1 2 · release 1 5 · connection-lost 2 1
//   add 4                                      a new replica with an empty disk
//   change 1 voters=1,2,4 [learners=5]         1 proposes one step towards these members
//   answer                                     the oldest read is answered by its host
//   compact 1 5                                the log of 1 starts after 5
//   deliver [1>2] [append]                     packets that wait now; also `drop`
//   replay 1>2 append                          the last such packet of the past once more
//   store 1 [2]                                the oldest write (or two) of 1 reaches the disk
//   stabilize [1 2]                            deliver and store until all (or these) are quiet
//   cut 1 2 · mend 1 2 · isolate 1 · heal
//   crash 1 [1] · restart 1                    a crash keeps the oldest (1) unfinished writes
//   status                                     one line per replica
import type { RaftTuning } from '../options.ts'
import { deadlineMs } from '../step.ts'
import type { ReplicaId } from '../types.ts'
import { RaftCluster } from './cluster.ts'
import { TestDisk } from './disk.ts'
import { makeLog } from './entry.ts'
import type { Packet } from './network.ts'
import { effectText, inputText } from './trace.ts'

const stepsMax = 10_000

/** Runs a script and returns its trace: each command, and below it what every step did. */
export function runScript(text: string): string {
  const session = new ScriptSession()
  for (const raw of text.split('\n')) {
    const line = raw.replace(/#.*/, '').trim()
    if (line !== '') session.run(line)
  }
  return `${session.lines.join('\n')}\n`
}

function option(words: readonly string[], name: string): string | undefined {
  const prefix = `${name}=`
  return words.find((word) => word.startsWith(prefix))?.slice(prefix.length)
}

class ScriptSession {
  readonly lines: string[] = []
  private readonly disks = new Map<ReplicaId, TestDisk>()
  private replicas = 3
  private seed = 1
  private tuning: Partial<RaftTuning> = {}
  private started: RaftCluster | undefined

  run(line: string): void {
    if (this.lines.length > 0) this.lines.push('')
    this.lines.push(`> ${line}`)
    const [verb = '', ...words] = line.split(/\s+/)
    if (!this.prepare(verb, words) && !this.act(verb, words)) this.disturb(verb, words)
  }

  private prepare(verb: string, words: readonly string[]): boolean {
    if (verb === 'replicas') {
      this.started = undefined
      this.disks.clear()
      this.replicas = Number(words[0])
      this.seed = Number(option(words, 'seed') ?? 1)
      const tuning = words.slice(1).filter((word) => !word.startsWith('seed='))
      this.tuning = Object.fromEntries(
        tuning.map((word) => {
          const [name = '', value = ''] = word.split('=')
          return [name, Number(value)]
        }),
      )
    } else if (verb === 'disk') {
      const disk = new TestDisk()
      const terms = (option(words, 'log') ?? '').split(',').filter((term) => term !== '')
      const term = Number(option(words, 'term') ?? 0)
      const votedFor = Number(option(words, 'vote') ?? 0)
      disk.preload({ term, votedFor }, makeLog(terms.map(Number)))
      this.disks.set(Number(words[0]), disk)
    } else {
      return false
    }
    return true
  }

  private cluster(): RaftCluster {
    if (this.started !== undefined) return this.started
    const cluster = new RaftCluster({
      replicas: this.replicas,
      seed: this.seed,
      raft: this.tuning,
      disk: (id) => this.disks.get(id) ?? new TestDisk(),
    })
    cluster.onStep = (id, input, effects) => {
      this.lines.push(`  ${id} ${inputText(input)}`)
      for (const effect of effects) this.lines.push(`      ${effectText(effect)}`)
    }
    this.started = cluster
    return cluster
  }

  /** Verbs of clients, operators and time. */
  private act(verb: string, words: readonly string[]): boolean {
    const cluster = this.cluster()
    const [id = 0, second = 0] = words.map(Number)
    switch (verb) {
      case 'campaign':
        cluster.nowMs = Math.max(cluster.nowMs, cluster.raft(id).electionDeadlineMs)
        cluster.input(id, { type: 'tick' })
        return true
      case 'campaign-now':
        cluster.input(id, { type: 'campaign' })
        return true
      case 'advance':
        this.advanceTo(cluster.nowMs + id, words.length > 1 ? words.slice(1).map(Number) : [])
        return true
      case 'propose':
        if (!cluster.propose(id, ...words.slice(1))) this.lines.push(`  ${id} is not leader`)
        return true
      case 'read':
        cluster.read(id)
        return true
      case 'transfer':
        cluster.transfer(id, second)
        return true
      case 'release':
        cluster.release(id, second)
        return true
      case 'compact':
        cluster.compact(id, second)
        return true
      case 'answer':
        cluster.runErrand()
        return true
      case 'add':
        cluster.add(id)
        return true
      case 'change':
        this.change(id, words)
        return true
      case 'connection-lost':
        cluster.connectionLost(id, second)
        return true
      case 'deliver':
        for (const packet of this.waiting(words)) cluster.deliver(packet)
        return true
      case 'store':
        for (let count = 0; count < Math.max(1, second); count++) cluster.store(id)
        return true
      case 'stabilize':
        this.stabilize(words.map(Number))
        return true
      case 'status':
        this.status()
        return true
      default:
        return false
    }
  }

  private change(id: ReplicaId, words: readonly string[]): void {
    const members = (name: string) => (option(words, name) ?? '').split(',').filter(Boolean)
    const voters = members('voters').map(Number)
    const learners = members('learners').map(Number)
    const problem = this.cluster().change(id, { voters, learners })
    if (problem !== undefined) this.lines.push(`  ${id}: ${problem}`)
  }

  /** Verbs of fate. */
  private disturb(verb: string, words: readonly string[]): void {
    const cluster = this.cluster()
    const [id = 0, second = 0] = words.map(Number)
    switch (verb) {
      case 'drop':
        for (const packet of this.waiting(words)) cluster.network.take(packet)
        break
      case 'replay': {
        const packet = cluster.network.past.findLast(matches(words))
        if (packet !== undefined) cluster.network.replay(packet, cluster.nowMs)
        break
      }
      case 'cut':
        cluster.cut(id, second)
        break
      case 'mend':
        cluster.mend(id, second)
        break
      case 'isolate':
        cluster.isolate(id)
        break
      case 'heal':
        cluster.heal()
        break
      case 'crash':
        cluster.crash(id, second)
        break
      case 'restart':
        cluster.restart(id)
        break
      default:
        throw new Error(`unknown command ${verb}`)
    }
  }

  private waiting(words: readonly string[]): Packet[] {
    return this.cluster().network.queue.filter(matches(words))
  }

  /** Ticks fall due in order; without ids, those of all replicas. */
  private advanceTo(endMs: number, only: readonly ReplicaId[]): void {
    const cluster = this.cluster()
    for (let steps = 0; steps < stepsMax; steps++) {
      const due = cluster
        .live()
        .filter(({ id }) => only.length === 0 || only.includes(id))
        .map(({ id, raft }) => ({ id, atMs: Math.max(deadlineMs(raft), cluster.nowMs) }))
        .filter(({ atMs }) => atMs <= endMs)
        .sort((one, other) => one.atMs - other.atMs || one.id - other.id)[0]
      if (due === undefined) break
      cluster.nowMs = due.atMs
      cluster.input(due.id, { type: 'tick' })
    }
    cluster.nowMs = Math.max(cluster.nowMs, endMs)
  }

  private stabilize(only: readonly ReplicaId[]): void {
    const cluster = this.cluster()
    const takesPart = (id: ReplicaId) => only.length === 0 || only.includes(id)
    for (let steps = 0; steps < stepsMax; steps++) {
      const packet = cluster.network.queue.find(({ from, to }) => takesPart(from) && takesPart(to))
      const writer = cluster.live().find(({ id, disk }) => takesPart(id) && disk.pending.length > 0)
      if (packet !== undefined) cluster.deliver(packet)
      else if (writer !== undefined) cluster.store(writer.id)
      else if (!cluster.runErrand()) return
    }
    throw new Error('the group does not come to rest')
  }

  private status(): void {
    for (const id of this.cluster().ids) {
      const { raft, isAlive, disk } = this.cluster().replica(id)
      const { role, term, votedFor, leader, log } = raft
      const state = isAlive ? role : 'down'
      const own = `vote ${votedFor} leader ${leader} commit ${log.commit} stable ${log.stable}`
      const { index } = disk.start
      const start = index > 0 ? `..${index} ` : ''
      const terms = disk.entries.map((entry) => entry.term).join(' ')
      this.lines.push(
        `  ${id} ${state} t${term} ${own} last ${log.lastIndex}/${log.lastTerm} disk [${start}${terms}]`,
      )
    }
  }
}

function matches(words: readonly string[]): (packet: Packet) => boolean {
  const links = words.filter((word) => word.includes('>'))
  const types = words.filter((word) => !word.includes('>'))
  return ({ from, to, message }) =>
    (links.length === 0 || links.includes(`${from}>${to}`)) &&
    (types.length === 0 || types.includes(message.type))
}
