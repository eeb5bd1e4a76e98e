import { connect } from 'node:net'
import { QuorateError } from '@quorate/protocol'
import { afterEach, describe, expect, test } from 'vitest'
import { type HttpDoor, openHttpDoor } from '../../src/doors/http/http-node.ts'
import { answerHttp, type HttpSources } from '../../src/doors/http/routes.ts'
import { recordingLog, silentLog } from '../../src/observe/log.ts'

const ok = [{ name: 'storage', ok: true }]
const sources: HttpSources = {
  live: () => ok,
  started: () => [...ok, { name: 'recovery', ok: false, detail: '3 of 7 replicas' }],
  ready: () => ok,
  metrics: () => ({ contentType: 'text/plain; version=0.0.4', body: 'quorate_up 1\n' }),
}

describe('the answers of the HTTP door', () => {
  test('say ok when every check is, and list the checks when asked', () => {
    expect(answerHttp('GET', '/livez', sources)).toMatchObject({ status: 200, body: 'ok\n' })
    expect(answerHttp('GET', '/readyz?verbose', sources).body).toBe('[+] storage\nreadyz passed\n')
  })

  test('say 503 and why, unasked, when a check fails', () => {
    expect(answerHttp('GET', '/startupz', sources)).toMatchObject({
      status: 503,
      body: '[+] storage\n[-] recovery: 3 of 7 replicas\nstartupz failed\n',
    })
  })

  test('name what there is to whoever asks for something else', () => {
    const unknown = answerHttp('GET', '/metric\r\ns?x', sources)
    expect(unknown.status).toBe(404)
    expect(unknown.body).toBe(
      'there is no /metric??s here; there are /livez, /startupz, /readyz (each takes ?verbose) and /metrics\n',
    )
    const posted = answerHttp('POST', '/livez', sources)
    expect(posted).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } })
  })
})

describe('the HTTP door', () => {
  let door: HttpDoor | undefined
  afterEach(() => door?.close())

  function open(from: HttpSources, address = '127.0.0.1:0', log = silentLog): Promise<HttpDoor> {
    const { promise, resolve, reject } = Promise.withResolvers<HttpDoor>()
    openHttpDoor({ address, sources: from, log }, (error, opened) => {
      if (opened === undefined) reject(error)
      else resolve(opened)
    })
    return promise
  }

  function raw(address: string, bytes: string): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>()
    let text = ''
    const socket = connect(Number(address.split(':')[1]), '127.0.0.1', () => socket.write(bytes))
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
    })
    socket.on('error', () => {}).on('close', () => resolve(text))
    return promise
  }

  test('serves health and metrics, and no body for HEAD', async () => {
    door = await open(sources)
    const metrics = await fetch(`http://${door.address}/metrics`)
    expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4')
    expect(await metrics.text()).toBe('quorate_up 1\n')
    const head = await fetch(`http://${door.address}/readyz`, { method: 'HEAD' })
    expect(head.status).toBe(200)
    expect(head.headers.get('content-length')).toBe('3')
    const posted = await fetch(`http://${door.address}/readyz`, { method: 'POST', body: 'x' })
    expect(posted.status).toBe(405)
  })

  test('answers what is no HTTP, and a head that is too large', async () => {
    door = await open(sources)
    expect(await raw(door.address, 'CONNECT {"verbose":true}\r\n\r\n')).toMatch(
      /^HTTP\/1.1 400 Bad Request\r\n.*this port speaks HTTP/s,
    )
    const large = `GET / HTTP/1.1\r\nhost: x\r\nlarge: ${'x'.repeat(20_000)}\r\n\r\n`
    expect(await raw(door.address, large)).toMatch(/^HTTP\/1.1 431 /)
    expect((await fetch(`http://${door.address}/livez`)).status).toBe(200)
  })

  test('answers 500 and logs when a check throws, and goes on', async () => {
    const log = recordingLog()
    const broken = {
      ...sources,
      ready: () => {
        throw new Error('defect')
      },
    }
    door = await open(broken, '127.0.0.1:0', log)
    expect((await fetch(`http://${door.address}/readyz`)).status).toBe(500)
    expect(log.records).toMatchObject([{ level: 'error', event: 'http.answer-failed' }])
    expect((await fetch(`http://${door.address}/livez`)).status).toBe(200)
  })

  test('names a port that is taken and an address that is none', async () => {
    door = await open(sources)
    await expect(open(sources, door.address)).rejects.toMatchObject({ code: 'QUORATE_PORT_IN_USE' })
    expect(() => openHttpDoor({ address: 'nonsense', sources, log: silentLog }, () => {})).toThrow(
      QuorateError,
    )
  })
})
