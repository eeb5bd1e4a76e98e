import { keyedRandom } from '@quorate/actors'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  type LinkFault,
  LinkFaults,
  type Links,
} from '../../src/laboratory/processes/link-faults.ts'
import { TcpProxy } from '../../src/laboratory/processes/tcp-proxy.ts'

const ids = ['n1', 'n2', 'n3']
const proxies = new Map<string, TcpProxy>()
const links: Links = {
  nodes: ids.map((id) => ({ id })),
  linkOf: (from, to) => proxies.get(`${from}>${to}`)!,
  doorOf: (id) => proxies.get(`door ${id}`)!,
}

beforeAll(async () => {
  const paths = ids.flatMap((from) => ids.filter((to) => to !== from).map((to) => `${from}>${to}`))
  for (const name of [...paths, ...ids.map((id) => `door ${id}`)]) {
    proxies.set(name, await TcpProxy.start('127.0.0.1:9'))
  }
  return async () => {
    for (const proxy of proxies.values()) await proxy.close()
  }
})

function dropping(): string[] {
  return [...proxies].filter(([, { mode }]) => mode === 'drop').map(([name]) => name)
}

describe('a fault of links', () => {
  const faults = new LinkFaults(links, keyedRandom('links'))
  const one = { nodes: ['n1'] }
  const pair = { nodes: ['n1', 'n2'], pair: ['n1', 'n2'] } as const

  test.each<[LinkFault, typeof one | typeof pair, string[]]>([
    ['isolate', one, ['n1>n2', 'n1>n3', 'n2>n1', 'n3>n1', 'door n1']],
    ['isolate-peers', one, ['n1>n2', 'n1>n3', 'n2>n1', 'n3>n1']],
    ['mute', one, ['n1>n2', 'n1>n3']],
    ['deafen', one, ['n2>n1', 'n3>n1']],
    ['cut', pair, ['n1>n2', 'n2>n1']],
    ['cut-forward', pair, ['n1>n2']],
    ['delay', one, []],
    ['reset', one, []],
  ])('%s stops what it says, and nothing when it is over', (fault, hit, stopped) => {
    const undo = faults.strike(fault, hit)
    expect(dropping().sort()).toEqual([...stopped].sort())
    undo!()
    expect(dropping()).toEqual([])
  })

  test('of a pair without its two ends is none', () => {
    expect(faults.strike('cut', { nodes: ['n1'] })).toBeUndefined()
  })

  test('that ends leaves another one of the same link as it is', () => {
    const first = faults.strike('mute', one)!
    const second = faults.strike('cut-forward', pair)!
    first()
    expect(dropping()).toEqual(['n1>n2'])
    second()
    expect(dropping()).toEqual([])
  })
})
