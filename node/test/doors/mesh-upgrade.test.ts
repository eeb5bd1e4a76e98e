import { joinChunks, QuorateError } from '@quorate/protocol'
import { describe, expect, test } from 'vitest'
import type { MeshAcceptor } from '../../src/doors/nats/mesh-acceptor.ts'
import { MemoryDoor } from './memory-door.ts'

class RecordingAcceptor implements MeshAcceptor {
  readonly frames: string[] = []
  closed = 0
  close: (() => void) | undefined

  accept: MeshAcceptor['accept'] = (connect, nonce, close) => {
    const { proof } = connect['quorate_mesh'] as { proof: string }
    if (proof !== `secret ${nonce}`) {
      return { refused: new QuorateError('QUORATE_PERMISSION', 'wrong proof') }
    }
    this.close = close
    return {
      info: { quorate_mesh: { proof: 'mine' } },
      peerLabel: 'n2/bulk',
      frame: (payload) => {
        const text = new TextDecoder().decode(joinChunks(payload))
        if (text === 'bad') throw new Error('bad frame')
        this.frames.push(text)
      },
      closed: () => {
        this.closed += 1
      },
    }
  }
}

const connect = 'CONNECT {"quorate_mesh":{"proof":"secret nonce-1"}}\r\n'

describe('a peer at the NATS door', () => {
  test('that proves itself gets this side’s proof in a second INFO, then its frames pass', () => {
    const acceptor = new RecordingAcceptor()
    const door = new MemoryDoor({ acceptor })
    const link = door.link()
    link.heard()
    link.say(`${connect}PUB $Q.mesh.n1 3\r\none\r\nPUB $Q.mesh.n1 3\r\ntwo\r\nPING\r\n`)
    const heard = link.heard()
    expect(JSON.parse(heard.slice('INFO '.length, heard.indexOf('\r\n')))).toMatchObject({
      nonce: 'nonce-1',
      server_name: 'n1',
      quorate_mesh: { proof: 'mine' },
    })
    expect(heard).toMatch(/PONG\r\n$/)
    expect(acceptor.frames).toEqual(['one', 'two'])
    expect(door.door.peers).toBe(1)
    expect(door.door.clients).toBe(0)
    link.hangUp()
    expect(acceptor.closed).toBe(1)
    expect(door.door.peers).toBe(0)
  })

  test('with a wrong proof is refused with the code and closed', () => {
    const acceptor = new RecordingAcceptor()
    const door = new MemoryDoor({ acceptor })
    const link = door.link()
    link.heard()
    link.say('CONNECT {"quorate_mesh":{"proof":"guess"}}\r\nPUB $Q.mesh.n1 3\r\none\r\n')
    expect(link.heard()).toMatch(/^-ERR 'QUORATE_PERMISSION: .*wrong proof'\r\n$/)
    expect(link.ended).toBe(true)
    expect(acceptor.frames).toEqual([])
    expect(acceptor.closed).toBe(0)
  })

  test('whose machine lost power counts as gone within half a minute', () => {
    const acceptor = new RecordingAcceptor()
    const door = new MemoryDoor({ acceptor })
    const link = door.link()
    link.say(connect)
    door.pass(6_000)
    link.say('PING\r\n')
    link.heard()
    door.pass(8_000)
    expect(link.heard()).toBe('PING\r\n')
    door.pass(8_000)
    expect(link.heard()).toBe('PING\r\n')
    expect(acceptor.closed).toBe(0)
    door.pass(8_000)
    expect(link.heard()).toBe("-ERR 'Stale Connection'\r\n")
    expect(acceptor.closed).toBe(1)
  })

  test('finds no way in where no mesh is', () => {
    const link = new MemoryDoor().link()
    link.say(connect)
    expect(link.heard()).toMatch(/-ERR 'QUORATE_PERMISSION: [^']*'\r\n$/)
    expect(link.ended).toBe(true)
  })

  test.each(['PUB orders 1\r\nx\r\n', 'SUB > 1\r\n', 'UNSUB 1\r\n', connect])(
    'may send frames and nothing else: %j ends the connection',
    (line) => {
      const acceptor = new RecordingAcceptor()
      const link = new MemoryDoor({ acceptor }).link()
      link.say(`${connect}${line}PUB $Q.mesh.n1 3\r\none\r\n`)
      expect(link.ended).toBe(true)
      expect(link.heard()).toMatch(/-ERR '[^']+'\r\n$/)
      expect(acceptor.frames).toEqual([])
      expect(acceptor.closed).toBe(1)
    },
  )

  test('whose frame makes the mesh throw loses its own connection alone', () => {
    const acceptor = new RecordingAcceptor()
    const door = new MemoryDoor({ acceptor })
    const link = door.link()
    const client = door.client()
    link.say(`${connect}PUB $Q.mesh.n1 3\r\nbad\r\nPUB $Q.mesh.n1 3\r\none\r\n`)
    expect(link.ended).toBe(true)
    expect(acceptor.frames).toEqual([])
    expect(acceptor.closed).toBe(1)
    expect(client.ended).toBe(false)
    const last = door.log.records.at(-1)
    expect(last).toMatchObject({ level: 'error', event: 'door.connection-failed' })
  })

  test('can be replaced by the mesh at any time', () => {
    const acceptor = new RecordingAcceptor()
    const link = new MemoryDoor({ acceptor }).link()
    link.say(connect)
    acceptor.close!()
    acceptor.close!()
    expect(link.ended).toBe(true)
    expect(acceptor.closed).toBe(1)
  })

  test('is forged in vain by a client: mesh subjects are a permissions violation', () => {
    const acceptor = new RecordingAcceptor()
    const door = new MemoryDoor({ acceptor })
    const link = door.client()
    link.say('PUB $Q.mesh.n1 3\r\none\r\nSUB $Q.mesh.> 1\r\nPUB a $Q.mesh.n1 1\r\nx\r\nPING\r\n')
    expect(link.heard()).toBe(
      `-ERR 'Permissions Violation for Publish to "$Q.mesh.n1"'\r\n` +
        `-ERR 'Permissions Violation for Subscription to "$Q.mesh.>"'\r\n` +
        `-ERR 'Permissions Violation for Publish to "$Q.mesh.n1"'\r\nPONG\r\n`,
    )
    expect(acceptor.frames).toEqual([])
    expect(door.door.counts.permissionViolations).toBe(3)
    expect(door.log.records).toHaveLength(1)
  })
})
