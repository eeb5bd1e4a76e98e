import { existsSync, readdirSync, readFileSync, statSync, truncateSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Bench, type Dev, isAlive, isReady, script, until } from './command-line.ts'

const bench = new Bench()
afterAll(() => bench.clear())

const pidFile = (folder: string) => Number(readFileSync(join(folder, 'pid'), 'utf8'))

describe('a local cluster of three nodes', () => {
  let dev: Dev
  let readyMs: number
  beforeAll(async () => {
    const startMs = performance.now()
    dev = await bench.dev([])
    readyMs = performance.now() - startMs
  })

  test('is ready within 15 seconds and then says what to paste', async () => {
    expect(readyMs).toBeLessThan(15_000)
    await dev.started.printed('stop: Ctrl-C')
    for (const { nats, http } of dev.file.nodes) {
      expect(await isReady(http)).toBe(true)
      expect(dev.started.stdout).toContain(nats)
    }
    const lines = dev.started.stdout.split('\n').filter((line) => line.includes('npx quorate'))
    expect(lines.length).toBeGreaterThanOrEqual(3)
    for (const line of lines) {
      // What follows `npx quorate`, run without npm.
      const words = line.trim().split('npx quorate ')[1]!.split(' ')
      const { exitCode, stderr } = await bench.run(words, { input: 'hello\n' })
      expect(exitCode, `${line}\n${stderr}`).toBe(0)
    }
  })

  test('stands in dev.json', () => {
    const { version, clusterId, nodes } = dev.file
    expect(version).toBe(1)
    expect(clusterId).toMatch(/^[0-9a-f]{16}$/)
    expect(nodes.map(({ id }) => id)).toEqual(['n1', 'n2', 'n3'])
    for (const node of nodes) {
      expect(Object.keys(node)).toEqual(['id', 'pid', 'nats', 'http', 'data', 'command'])
      expect(isAlive(node.pid)).toBe(true)
      expect(node.nats).toMatch(/^nats:\/\/127\.0\.0\.1:\d+$/)
      expect(node.http).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
      expect(node.data).toBe(join(dev.folder, node.id))
      expect(node.command.slice(0, 2)).toEqual([process.execPath, script])
      expect(isAbsolute(node.command[0]!) && isAbsolute(node.command[1]!)).toBe(true)
      expect(pidFile(node.data)).toBe(node.pid)
    }
    const secret = readFileSync(join(dev.folder, 'n1', 'secret'), 'utf8').trim()
    expect(readFileSync(dev.path, 'utf8')).not.toContain(secret)
    expect(statSync(dev.folder).mode & 0o077).toBe(0)
  })

  test('refuses a second dev on its data, and is not disturbed by it', async () => {
    const before = readFileSync(dev.path, 'utf8')
    const args = ['dev', '--data', dev.folder, '--port', '0', '--http-port', '0']
    const { exitCode, stderr } = await bench.run(args)
    expect(exitCode).toBe(1)
    expect(stderr).toContain('QUORATE_DATA_IN_USE')
    expect(stderr).toContain(String(dev.started.pid))
    expect(readFileSync(dev.path, 'utf8')).toBe(before)
    expect(await isReady(dev.file.nodes[0]!.http)).toBe(true)
  })

  test('refuses a second process on the data of a node, naming the first', async () => {
    const { pid, command } = dev.file.nodes[0]!
    const { exitCode, stderr } = await bench.startCommand(command).ended
    expect(exitCode).toBe(1)
    expect(stderr).toContain('QUORATE_DATA_IN_USE')
    expect(stderr).toContain(String(pid))
    expect(isAlive(pid)).toBe(true)
  })

  test('is not read by storage dump while it runs', async () => {
    const { exitCode, stderr } = await bench.run(['storage', 'dump', dev.file.nodes[0]!.data])
    expect(exitCode).toBe(1)
    expect(stderr).toContain('QUORATE_DATA_IN_USE')
  })

  test('goes on when a node dies, says so, and how to start it again', async () => {
    const [first, second] = dev.file.nodes
    process.kill(first!.pid, 'SIGKILL')
    await dev.started.printed(`node n1 (pid ${first!.pid}) ended: SIGKILL`)
    expect(dev.started.stderr).toContain(`start it again: ${first!.command.join(' ')}`)
    const { exitCode, stdout } = await bench.run(
      [...['produce', 'orders', '-o', 'json'], ...['--server', second!.nats]],
      { input: 'one\n' },
    )
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ topic: 'orders' })
    expect(dev.started.process.exitCode).toBeNull()
  })

  test('takes the node back by the command of dev.json, without environment or folder', async () => {
    const { command, data, http } = dev.file.nodes[0]!
    const again = bench.startCommand(['/usr/bin/env', '-i', ...command], { folder: '/' })
    await until('n1 is ready again', () => isReady(http))
    expect(pidFile(data)).toBe(again.pid)
  })

  test('ends on Ctrl-C with all its nodes, also those started by hand, and keeps the data', async () => {
    const byHand = pidFile(join(dev.folder, 'n1'))
    expect(isAlive(byHand)).toBe(true)
    dev.started.signal('SIGINT')
    const { exitCode } = await dev.started.ended
    expect(exitCode).toBe(0)
    for (const { pid } of dev.file.nodes) expect(isAlive(pid)).toBe(false)
    await until('the node started by hand has ended', () => !isAlive(byHand))
    expect(existsSync(dev.path)).toBe(false)
    expect(readdirSync(dev.folder)).toEqual(expect.arrayContaining(['n1', 'n2', 'n3', 'n1.log']))
  })

  test('has the records of its earlier run when it is started again, and ends on SIGTERM', async () => {
    const again = await bench.dev(['--data', dev.folder])
    expect(again.file.clusterId).toBe(dev.file.clusterId)
    const { stdout } = await bench.run(['consume', 'orders', '--server', again.server])
    expect(stdout.trimEnd().split('\n').sort()).toEqual(['hello', 'one'])
    again.started.signal('SIGTERM')
    expect((await again.started.ended).exitCode).toBe(0)
    for (const { pid } of again.file.nodes) expect(isAlive(pid)).toBe(false)
  })

  test('has replicas whose dumps are equal where both have entries', async () => {
    const dumps = await Promise.all(
      dev.file.nodes.map(({ data }) => bench.run(['storage', 'dump', data, '-o', 'jsonl'])),
    )
    const logs = dumps.map(({ stdout }) =>
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    )
    const key = (entry: Record<string, unknown>) =>
      `${entry['topicId']}-${entry['partition']}-${entry['index']}`
    const [one, ...others] = logs.map((log) => new Map(log.map((entry) => [key(entry), entry])))
    expect(one!.size).toBeGreaterThan(6)
    for (const other of others) {
      const shared = [...one!.keys()].filter((each) => other.has(each))
      expect(shared.length).toBeGreaterThan(6)
      for (const each of shared) expect(other.get(each)).toEqual(one!.get(each))
    }
    const records = logs[0]!.filter(({ type }) => type === 'records')
    expect(records.map(({ topic }) => topic)).toEqual(['orders', 'orders'])
  })
})

describe('a local cluster of one node', () => {
  test('ends its node when dev itself is killed', async () => {
    const dev = await bench.dev(['--nodes', '1'])
    dev.started.signal('SIGKILL')
    await dev.started.ended
    await until('the node has ended', () => !isAlive(dev.file.nodes[0]!.pid))
  })

  test('goes on when its only node dies, and still ends the one started by hand', async () => {
    const dev = await bench.dev(['--nodes', '1'])
    const { pid, command, http, data } = dev.file.nodes[0]!
    process.kill(pid, 'SIGKILL')
    await dev.started.printed('ended: SIGKILL')
    bench.startCommand(command)
    await until('the node is ready again', () => isReady(http))
    const byHand = pidFile(data)
    dev.started.signal('SIGINT')
    expect((await dev.started.ended).exitCode).toBe(0)
    await until('it has ended', () => !isAlive(byHand))
  })

  test('is killed by a second signal when it does not stop', async () => {
    const dev = await bench.dev(['--nodes', '1'])
    const { pid } = dev.file.nodes[0]!
    process.kill(pid, 'SIGSTOP')
    dev.started.signal('SIGINT')
    await dev.started.printed('Ctrl-C again kills')
    // Until it counts as a second one: the first may come twice, from the terminal and from npm.
    const startMs = performance.now()
    await until('the node has ended', () => {
      if (isAlive(pid)) dev.started.signal('SIGINT')
      return !isAlive(pid)
    })
    const { exitCode } = await dev.started.ended
    expect(performance.now() - startMs).toBeLessThan(5000)
    expect(exitCode).toBe(1)
  })

  test('tells the error of a node that cannot start, and where its log is', async () => {
    const dev = await bench.dev(['--nodes', '1'])
    dev.started.signal('SIGTERM')
    await dev.started.ended
    for (const name of ['manifest.A', 'manifest.B']) truncateSync(join(dev.folder, 'n1', name), 0)
    const args = ['dev', '--data', dev.folder, '--port', '0', '--http-port', '0']
    const { exitCode, stdout, stderr } = await bench.run(args)
    expect(exitCode).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/QUORATE_STORAGE_DAMAGED: .*manifest\.A/)
    expect(stderr).toContain(join(dev.folder, 'n1.log'))
  })

  test('leaves nothing behind when it is ephemeral', async () => {
    const dev = await bench.dev(['--nodes', '1', '--ephemeral'])
    await dev.started.printed('(removed at the end)')
    dev.started.signal('SIGINT')
    expect((await dev.started.ended).exitCode).toBe(0)
    expect(existsSync(dev.folder)).toBe(false)
  })
})
