// A replicated key-value store for somebody who only wants Raft: `node raft/examples/key-value.ts`.
// Three replicas, a fourth joins, one is replaced, the leader crashes; every line that is printed is
// something that happened. The machine is here, the host of the replicas in host.ts.
import { Group, type Machine } from './host.ts'

class KeyValue implements Machine {
  readonly data = new Map<string, string>()

  apply(value: string): void {
    const [verb, key = '', content = ''] = value.split(' ')
    if (verb === 'set') this.data.set(key, content)
  }
}

export function main(print: (line: string) => void): void {
  const stores = new Map<number, KeyValue>()
  const machine = (id: number): KeyValue => {
    const store = new KeyValue()
    stores.set(id, store)
    return store
  }
  const group = new Group(machine, print)
  for (const id of [1, 2, 3]) group.start(id, [1, 2, 3])
  group.write('set colour green')

  group.start(4)
  group.members([1, 2, 3], [4])
  group.members([1, 2, 3, 4])
  group.write('set size large')

  group.start(5)
  group.members([1, 2, 3, 4], [5])
  group.members([1, 3, 4, 5])
  group.stop(2)
  stores.delete(2)

  const { id } = group.leader()
  group.stop(id)
  group.write('set colour blue')
  group.start(id)

  group.converge()
  for (const [replica, { data }] of stores) {
    print(`  replica ${replica}: ${JSON.stringify(Object.fromEntries(data))}`)
  }
}

if (process.argv[1] === import.meta.filename) main((line) => console.log(line))
