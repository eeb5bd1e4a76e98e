import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { Bench } from './command-line.ts'

const bench = new Bench()
afterAll(() => bench.clear())

const run = (line: string) => bench.run(line.split(' '))
let folders = 0
const newFolder = () => {
  folders += 1
  return join(bench.folder, `refused${folders}`)
}

/** A folder formatted for the one node of a cluster. */
async function formatted(): Promise<string> {
  const folder = newFolder()
  await run(`server format --new-plan ${folder}.json --nodes 127.0.0.1:4222`)
  const { exitCode, stderr } = await run(
    `server format --plan ${folder}.json --node n1 --data ${folder}`,
  )
  expect(exitCode, stderr).toBe(0)
  return folder
}

const start = (folder: string, more = '') =>
  run(`server start --data ${folder} --listen 127.0.0.1:0 --http 127.0.0.1:0${more}`)

describe('server start refuses', () => {
  test('a folder that does not exist, and makes none', async () => {
    const { exitCode, stderr } = await start(newFolder())
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(
      /^QUORATE_DATA_NOT_FORMATTED: .*\n(cause: .*\n)?next: quorate server format/,
    )
  })

  test('an empty folder', async () => {
    const folder = newFolder()
    mkdirSync(folder)
    expect((await start(folder)).stderr).toContain('QUORATE_DATA_NOT_FORMATTED')
  })

  test('a folder of something else', async () => {
    const folder = newFolder()
    mkdirSync(folder)
    writeFileSync(join(folder, 'thesis.txt'), '')
    const { exitCode, stderr } = await start(folder)
    expect(exitCode).toBe(1)
    expect(stderr).toContain('QUORATE_DATA_FOREIGN')
    expect(stderr).toContain('thesis.txt')
  })

  test('data of another format version', async () => {
    const plan = `${newFolder()}.json`
    await run(`server format --new-plan ${plan} --nodes 127.0.0.1:4222`)
    const newer = readFileSync(plan, 'utf8').replace('"formatVersion": 1', '"formatVersion": 2')
    writeFileSync(plan, newer)
    const { exitCode, stderr } = await run(
      `server format --plan ${plan} --node n1 --data ${newFolder()}`,
    )
    expect(exitCode).toBe(1)
    expect(stderr).toContain('QUORATE_FORMAT_VERSION')
  })

  test('a folder with a part missing', async () => {
    const whole = await formatted()
    const folder = newFolder()
    // One copy would make the other again.
    cpSync(whole, folder, { recursive: true, filter: (path) => !path.endsWith('/identity') })
    const { exitCode, stderr } = await start(folder)
    expect(exitCode).toBe(1)
    expect(stderr).toContain('QUORATE_STORAGE_DAMAGED')
    expect(stderr).toContain(join(folder, 'identity'))
  })

  test('a port in use, and names it', async () => {
    const server = net.createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as net.AddressInfo
    try {
      const folder = await formatted()
      for (const options of [
        `--listen 127.0.0.1:${port} --http off`,
        `--listen 127.0.0.1:0 --http 127.0.0.1:${port}`,
      ]) {
        const { exitCode, stderr } = await run(`server start --data ${folder} ${options}`)
        expect(exitCode).toBe(1)
        expect(stderr).toContain('QUORATE_PORT_IN_USE')
        expect(stderr).toContain(String(port))
      }
      const args = ['dev', '--nodes', '1', '--data', newFolder(), '--http-port', '0']
      const { exitCode, stderr } = await bench.run([...args, '--port', String(port)])
      expect(exitCode).toBe(1)
      expect(stderr).toContain('QUORATE_PORT_IN_USE')
      expect(stderr).toContain(`--port ${port}`)
    } finally {
      server.close()
    }
  })

  test('an address beyond this machine without --insecure', async () => {
    const { exitCode, stderr } = await run('server start --data x --listen 0.0.0.0:4222')
    expect(exitCode).toBe(1)
    expect(stderr).toContain('QUORATE_INSECURE_BIND')
    expect(stderr).toContain('--insecure')
  })
})

describe('the command', () => {
  test.each([
    'server start --no-such-option',
    'server start --data x --heartbeat-ms fast',
    'dev --nodes 2',
    'dev --port 70000',
    'topic create a..b',
    'topic ls --server http://127.0.0.1',
    'topic ls -o xml',
    'nonsense',
  ])('calls `%s` a wrong usage, with 2 and where help is', async (line) => {
    const { exitCode, stdout, stderr } = await run(line)
    expect(exitCode).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^QUORATE_INVALID_(?:ARGUMENT|TOPIC): .*\nnext: quorate.* --help\n$/)
  })

  test('says how to get a cluster when there is none', async () => {
    const { exitCode, stderr } = await run('topic ls --server nats://127.0.0.1:1')
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^QUORATE_CONNECTION_FAILED: .*127\.0\.0\.1:1/)
    expect(stderr).toContain('next: start a cluster with quorate dev')
    expect(stderr).not.toContain('    at ')
  })

  test('shows a stack with --verbose, or with QUORATE_VERBOSE', async () => {
    const line = 'topic ls --server nats://127.0.0.1:1'
    expect((await run(`${line} --verbose`)).stderr).toContain('    at ')
    const environment = { QUORATE_VERBOSE: '1' }
    expect((await bench.run(line.split(' '), { environment })).stderr).toContain('    at ')
  })

  test('says which Node it needs when it has an older one', async () => {
    const old = `data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.1.0'})`
    const { exitCode, stderr } = await bench.run(['--version'], {
      nodeArguments: ['--import', old],
    })
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^QUORATE_NODE_VERSION: .*\nnext: install Node/)
  })
})
