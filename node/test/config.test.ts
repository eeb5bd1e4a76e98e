import { isErrorCode, QuorateError } from '@quorate/protocol'
import { describe, expect, test } from 'vitest'
import { addressesOf, optionTable, parseServerConfig } from '../src/config.ts'
import { limits, limitTable } from '../src/limits.ts'

type Flags = Record<string, unknown>

const parse = (flags: Flags = {}, environment: Record<string, string> = {}) =>
  parseServerConfig({ flags: { data: '/data', ...flags }, environment })

function errorOf(run: () => unknown): QuorateError {
  try {
    run()
  } catch (error) {
    if (error instanceof QuorateError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('options of server start', () => {
  test('have the defaults their table states', () => {
    expect(parse()).toEqual({
      data: '/data',
      listen: undefined,
      advertise: undefined,
      http: { host: '127.0.0.1', port: 8222 },
      autoCreateTopics: false,
      insecure: false,
      peers: new Map(),
      logLevel: 'info',
      heartbeatMs: 100,
      electionTimeoutMinMs: 600,
      electionTimeoutMaxMs: 900,
      scrubBytesPerSecond: 4_194_304,
      scrubCycleMs: 86_400_000,
      diskReserveBytes: 268_435_456,
    })
    const stated = Object.fromEntries(optionTable.map((row) => [row.name, row.default]))
    expect(stated).toMatchObject({ http: '127.0.0.1:8222', heartbeatMs: '100', logLevel: 'info' })
    expect(stated).toMatchObject({ electionTimeoutMinMs: '600', electionTimeoutMaxMs: '900' })
  })

  test('come from flags, then from variables', () => {
    const environment = {
      QUORATE_LISTEN: '127.0.0.1:5000',
      QUORATE_AUTO_CREATE_TOPICS: 'true',
      QUORATE_HEARTBEAT_MS: '50',
      QUORATE_PEER: 'n2=127.0.0.1:1,n3=[::1]:2',
      QUORATE_LOG_LEVEL: '',
      QUORATE_SERVER: 'nats://elsewhere:1',
    }
    const config = parse({ listen: '127.0.0.1:6000', insecure: undefined }, environment)
    expect(config.listen).toEqual({ host: '127.0.0.1', port: 6000 })
    expect(config.autoCreateTopics).toBe(true)
    expect(config.heartbeatMs).toBe(50)
    expect([...config.peers]).toEqual([
      ['n2', '127.0.0.1:1'],
      ['n3', '[::1]:2'],
    ])
    expect(config.logLevel).toBe('info')
    expect(parse({ peer: ['n2=a:1', 'n3=b:2'], heartbeatMs: 20 })).toMatchObject({
      heartbeatMs: 20,
    })
    expect(parse({ http: 'off' }).http).toBeUndefined()
  })

  test.each([
    [{ data: undefined }, '--data'],
    [{ listen: 'nowhere' }, '--listen HOST:PORT (QUORATE_LISTEN): nowhere is not host:port'],
    [{ http: '127.0.0.1:70000' }, '--http'],
    [{ advertise: 'host:0' }, '--advertise'],
    [{ peer: ['n2'] }, '--peer ID=HOST:PORT (QUORATE_PEER): n2 is not ID=host:port'],
    [{ peer: ['n2=a:1', 'n2=b:1'] }, 'node n2 is given twice'],
    [{ autoCreateTopics: 'yes' }, '--auto-create-topics'],
    [{ logLevel: 'loud' }, '--log-level'],
    [{ heartbeatMs: '1.5' }, '--heartbeat-ms N (QUORATE_HEARTBEAT_MS): is not a whole number'],
    [{ heartbeatMs: 5 }, 'allowed: 10 to 10000'],
    [{ heartbeatMs: 300 }, '--election-timeout-min-ms 600 is below 3 × --heartbeat-ms 300'],
    [{ electionTimeoutMinMs: 900 }, '--election-timeout-max-ms 900 is not above'],
    [{ colour: 'red' }, 'colour'],
  ] as [Flags, string][])('that are wrong are refused by name: %j', (flags, text) => {
    const error = errorOf(() => parse(flags))
    expect(error.code).toBe('QUORATE_INVALID_ARGUMENT')
    expect(error.message).toContain(text)
  })
})

describe('a bind beyond this machine', () => {
  test.each(['listen', 'http'])('is refused for --%s without --insecure', (option) => {
    for (const host of ['0.0.0.0', '192.168.1.5', '[::]', 'node1', '127.evil.example']) {
      const error = errorOf(() => parse({ [option]: `${host}:4222` }))
      expect(error.code).toBe('QUORATE_INSECURE_BIND')
      expect(error.message).toContain(`--${option}`)
      parse({ [option]: `${host}:4222`, insecure: true })
    }
    for (const host of ['127.0.0.1', '127.1.2.3', '[::1]', 'localhost']) {
      parse({ [option]: `${host}:4222` })
    }
  })

  test('is also refused when it comes from the plan', () => {
    expect(errorOf(() => addressesOf(parse(), 'n1:4222')).code).toBe('QUORATE_INSECURE_BIND')
    expect(addressesOf(parse({ insecure: true }), 'n1:4222')).toEqual({
      listen: { host: 'n1', port: 4222 },
      advertise: 'n1:4222',
    })
  })

  test('on all interfaces needs an address that others can connect to', () => {
    const everywhere = { listen: '0.0.0.0:4222', insecure: true }
    expect(errorOf(() => addressesOf(parse(everywhere), 'n1:4222')).message).toContain(
      '--advertise',
    )
    const advertised = parse({ ...everywhere, advertise: 'n1:4222' })
    expect(addressesOf(advertised, 'n1:4222').advertise).toBe('n1:4222')
  })

  test('to any free port leaves the advertised one open', () => {
    expect(addressesOf(parse({ listen: '127.0.0.1:0' }), 'n1:4222').advertise).toBeUndefined()
  })
})

describe('limits', () => {
  test('have a positive whole value and name an error of the table or none', () => {
    for (const [name, { value, error }] of Object.entries(limitTable)) {
      expect(Number.isSafeInteger(value) && value > 0, name).toBe(true)
      expect(error === 'none' || isErrorCode(error), name).toBe(true)
      expect(limits[name as keyof typeof limits]).toBe(value)
    }
  })
})
