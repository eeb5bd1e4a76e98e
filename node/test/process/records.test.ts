import { randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Bench, type Dev, type RunOptions } from './command-line.ts'

const bench = new Bench()
let dev: Dev
beforeAll(async () => {
  dev = await bench.dev(['--nodes', '1'])
})
afterAll(async () => {
  dev.started.signal('SIGTERM')
  await dev.started.ended
  await bench.clear()
})

/** With the server in the environment, as in a shell that has exported it. */
const atServer = (options: RunOptions = {}) => ({
  ...options,
  environment: { QUORATE_SERVER: dev.server, ...options.environment },
})
const quorate = (line: string, options: RunOptions = {}) =>
  bench.run(line.split(' '), atServer(options))
const jsonLines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

describe('produce', () => {
  test('prints a place per line, in the order of the lines, and the records lie there', async () => {
    const values = Array.from({ length: 500 }, (_, number) => `line ${number}`)
    const { exitCode, stdout } = await quorate('produce places -o json', {
      input: `${values.join('\n')}\n`,
    })
    expect(exitCode).toBe(0)
    const places = jsonLines(stdout)
    expect(places).toHaveLength(values.length)
    const stored = new Map(
      jsonLines((await quorate('consume places -o jsonl')).stdout).map((record) => [
        `${record.partition}/${record.offset}`,
        record.value,
      ]),
    )
    const found = places.map(({ partition, offset }) => stored.get(`${partition}/${offset}`))
    expect(found).toEqual(values)
    for (const place of places) expect(Object.keys(place)).toEqual(['topic', 'partition', 'offset'])
  })

  test('stores the bytes of each line, whatever they are, and consume gives them back', async () => {
    const input = Buffer.concat([randomBytes(20_000), Buffer.from('\r\n\n\nend without newline')])
    const file = join(bench.folder, 'bytes')
    writeFileSync(file, input)
    await quorate('topic create bytes --partitions 1')
    const produced = await quorate(`produce bytes --file ${file}`)
    expect(produced.stdout).toMatch(/^\d+ records to bytes\n$/)
    // The runner decodes what it reads; compare through jsonl, which says what is no text.
    const lines = jsonLines((await quorate('consume bytes -o jsonl')).stdout)
    const stored = lines.map(({ value, valueBase64 }) =>
      value === undefined ? Buffer.from(valueBase64, 'base64') : Buffer.from(value),
    )
    const again = Buffer.concat(stored.flatMap((line) => [line, Buffer.from('\n')]))
    expect(again.equals(Buffer.concat([input, Buffer.from('\n')]))).toBe(true)
  })

  test('takes the key out of JSON lines, and equal keys go to one partition in order', async () => {
    const lines = Array.from({ length: 60 }, (_, number) => ({ user: `u${number % 5}`, number }))
    const input = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
    expect((await quorate('produce keyed --key-field user', { input })).exitCode).toBe(0)
    const records = jsonLines((await quorate('consume keyed -o jsonl')).stdout)
    for (const user of ['u0', 'u1', 'u2', 'u3', 'u4']) {
      const own = records.filter(({ key }) => key === user)
      expect(new Set(own.map(({ partition }) => partition)).size).toBe(1)
      const numbers = own.map(({ value }) => JSON.parse(value).number)
      expect(numbers).toEqual([...numbers].sort((one, other) => one - other))
      expect(numbers).toHaveLength(12)
    }
  })

  test('says which line it could not read, and how many records were acknowledged', async () => {
    const input = '{"user":"a"}\n{"user":"b"}\nno JSON\n'
    const { exitCode, stderr } = await quorate('produce keyed --key-field user', { input })
    expect(exitCode).toBe(1)
    expect(stderr).toContain('QUORATE_DECODE_FAILED')
    expect(stderr).toContain('line 3')
    expect(stderr).toContain('2 of 2 records acknowledged')
  })

  test('refuses a partition the topic does not have', async () => {
    const { exitCode, stderr } = await quorate('produce keyed --partition 99', { input: 'x\n' })
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/QUORATE_INVALID_ARGUMENT: .*line 1/)
  })

  test('refuses a line that fits into no batch, by its number', async () => {
    const input = `short\n${'x'.repeat(2 * 1024 * 1024)}\n`
    const { exitCode, stderr } = await quorate('produce large', { input })
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/QUORATE_RECORD_TOO_LARGE: .*line 2/)
    expect((await quorate('consume large')).stdout).toBe('short\n')
  })

  test('ends at once when a record is refused, without waiting for another line', async () => {
    const running = bench.start(['produce', 'keyed', '--partition', '98'], atServer())
    running.process.stdin!.write('one\n')
    const { exitCode, stderr } = await running.ended
    expect(exitCode).toBe(2)
    expect(stderr).toContain('0 of 1 records acknowledged')
  })

  test('sends what it has and says so when it is interrupted', async () => {
    const running = bench.start(['produce', 'interrupted', '-o', 'json'], atServer())
    running.process.stdin!.write('one\ntwo\n')
    await running.printed(/"offset".*\n.*"offset"/)
    running.signal('SIGINT')
    const { exitCode, stderr } = await running.ended
    expect(exitCode).toBe(1)
    expect(stderr).toContain('interrupted; 2 of 2 records acknowledged')
    const { stdout } = await quorate('consume interrupted')
    expect(stdout.trimEnd().split('\n').sort()).toEqual(['one', 'two'])
  })
})

describe('consume', () => {
  beforeAll(async () => {
    const input = Array.from({ length: 1000 }, (_, number) => `${number}\n`).join('')
    await quorate('topic create numbers --partitions 1')
    await quorate('produce numbers', { input })
  })

  test('ends at the end there was at its start', async () => {
    const { exitCode, stdout } = await quorate('consume numbers')
    expect(exitCode).toBe(0)
    expect(stdout.trimEnd().split('\n').map(Number)).toEqual([...Array(1000).keys()])
  })

  test('reads from an offset on, and stops after as many records as it was told', async () => {
    const { stdout } = await quorate('consume numbers --from 990 --partition 0 --max 3')
    expect(stdout).toBe('990\n991\n992\n')
    const behind = await quorate('consume numbers --from 2000 --partition 0')
    expect(behind).toMatchObject({ exitCode: 0, stdout: '' })
    expect(behind.stderr).toContain('no records in numbers there')
  })

  test('goes on with --follow until Ctrl-C, which is no failure', async () => {
    const args = ['consume', 'numbers', '--from', 'latest', '--follow', '-o', 'jsonl']
    const following = bench.start(args, atServer())
    // Latest is what comes after the command has started to read.
    let sent = 0
    const sending = setInterval(() => {
      sent += 1
      void quorate('produce numbers', { input: `later ${sent}\n` })
    }, 400)
    try {
      await following.printed('"value":"later ')
    } finally {
      clearInterval(sending)
    }
    following.signal('SIGINT')
    const { exitCode, stderr } = await following.ended
    expect(stderr).toBe('')
    expect(exitCode).toBe(0)
  })

  test('ends without a word when nobody reads on', async () => {
    const words = [process.execPath, bench.script, 'consume', 'numbers', '--server', dev.server]
    const pipe = `${words.join(' ')} | head -n 2; exit \${PIPESTATUS[0]}`
    const { exitCode, stdout, stderr } = await bench.startCommand(['bash', '-c', pipe]).ended
    expect(stdout).toBe('0\n1\n')
    expect(stderr).toBe('')
    expect(exitCode).toBe(0)
  })

  test.runIf(existsSync('/dev/full'))('says so when its output cannot be written', async () => {
    const words = [process.execPath, bench.script, 'consume', 'numbers', '--server', dev.server]
    const full = `${words.join(' ')} > /dev/full`
    const { exitCode, stderr } = await bench.startCommand(['bash', '-c', full]).ended
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^QUORATE_DISK_FULL: standard output: .*\nnext: /)
  })

  test('of an empty topic prints nothing and says so', async () => {
    await quorate('topic create empty')
    const { exitCode, stdout, stderr } = await quorate('consume empty')
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' })
    expect(stderr).toContain('no records in empty')
  })

  test('of an unknown topic names the command that makes it', async () => {
    const { exitCode, stderr } = await quorate('consume nowhere')
    expect(exitCode).toBe(1)
    expect(stderr).toContain('QUORATE_UNKNOWN_TOPIC')
    expect(stderr).toContain('quorate topic create nowhere')
    expect((await quorate('topic ls')).stdout).not.toContain('nowhere')
  })
})

describe('topic and cluster', () => {
  test('a topic is created, listed, described and removed', async () => {
    const created = await quorate('topic create t1 --partitions 2 --retention 1h -o json')
    expect(JSON.parse(created.stdout)).toMatchObject({
      topic: 't1',
      partitions: 2,
      replicas: 1,
      retentionMs: 3_600_000,
    })
    expect((await quorate('topic create t1')).stderr).toContain('QUORATE_TOPIC_EXISTS')
    const listed = jsonLines((await quorate('topic ls -o jsonl')).stdout)
    expect(listed.map(({ topic }) => topic)).toContain('t1')
    const described = JSON.parse((await quorate('topic describe t1 -o json')).stdout)
    expect(described.partitionStates).toHaveLength(2)
    expect(described.partitionStates[0].replicas[0]).toMatchObject({
      node: 'n1',
      role: 'leader',
      term: expect.any(Number),
      logStart: expect.any(Number),
      lastIndex: expect.any(Number),
      commitIndex: expect.any(Number),
      chainAtCommit: expect.stringMatching(/^[0-9a-f]{16}$/),
    })
    expect((await quorate('topic rm t1')).stderr).toContain('--yes')
    expect((await quorate('topic rm t1 --yes')).exitCode).toBe(0)
    expect((await quorate('topic describe t1')).stderr).toContain('QUORATE_UNKNOWN_TOPIC')
  })

  test('more replicas than nodes are refused', async () => {
    const { exitCode, stderr } = await quorate('topic create t3 --replicas 3')
    expect(exitCode).toBe(1)
    expect(stderr).toContain('QUORATE_NOT_ENOUGH_NODES')
  })

  test('cluster status shows every node', async () => {
    const { stdout } = await quorate('cluster status -o json')
    expect(JSON.parse(stdout)).toMatchObject({
      clusterId: dev.file.clusterId,
      metadataLeader: 'n1',
      nodes: [{ node: 'n1', up: true, ready: true }],
    })
    expect((await quorate('cluster status')).stdout).toMatch(/^NODE .*\nn1 /)
  })
})
