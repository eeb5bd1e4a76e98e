import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { parseYaml, type Yaml } from './support/yaml.ts'

const root = resolve(import.meta.dirname, '../..')
const compose = parseYaml(readFileSync(join(root, 'docker-compose.cluster.yml'), 'utf8'))
const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8')
const nodes = ['n1', 'n2', 'n3']

const at = (...path: (string | number)[]): Yaml =>
  path.reduce<Yaml>((value, key) => (value as Record<string, Yaml>)[key]!, compose)
const words = (...path: string[]) => at(...path) as string[]
/** The value of an option in a node's command line. */
const option = (node: string, name: string) => {
  const command = words('services', node, 'command')
  return command[command.indexOf(name) + 1]!
}
const script = () => (words('services', 'format', 'command')[0] ?? '').replaceAll('$$', '$')

describe('compose file', () => {
  test('has three nodes, the one-shot format service and the command line', () => {
    expect(Object.keys(at('services') as object)).toEqual(['format', ...nodes, 'cli'])
    expect(Object.keys(at('volumes') as object)).toEqual(['plan', ...nodes])
    expect(at('services', 'cli', 'profiles')).toEqual(['cli'])
  })

  test('each node has its own volume, waits for the format and publishes on loopback only', () => {
    for (const node of nodes) {
      expect(at('services', node, 'volumes')).toEqual([`${node}:/data/${node}`])
      expect(option(node, '--data')).toBe(`/data/${node}/quorate`)
      expect(at('services', node, 'depends_on', 'format', 'condition')).toBe(
        'service_completed_successfully',
      )
      const ports = [option(node, '--listen'), option(node, '--http')].map((address) => {
        expect(address).toMatch(/^0\.0\.0\.0:\d+$/)
        return address.split(':')[1]
      })
      expect(at('services', node, 'ports')).toEqual(ports.map((p) => `127.0.0.1:${p}:${p}`))
      expect(words('services', node, 'command')).toContain('--insecure')
    }
  })

  test('each node is healthy when its own /readyz says so', () => {
    for (const node of nodes) {
      const port = option(node, '--http').split(':')[1]
      const check = words('services', node, 'healthcheck', 'test')
      expect(check.slice(0, 3)).toEqual(['CMD', 'node', '-e'])
      expect(check[3]).toContain(`http://127.0.0.1:${port}/readyz`)
      expect(() => new Function(check[3]!)).not.toThrow()
    }
  })

  test('the plan names the addresses under which the nodes are reached', () => {
    const advertised = nodes.map((node) => option(node, '--advertise'))
    for (const [i, address] of advertised.entries()) {
      expect(address).toBe(`${nodes[i]}:${option(nodes[i]!, '--listen').split(':')[1]}`)
    }
    expect(script()).toContain(`--nodes ${advertised.join(',')}\n`)
    expect(at('services', 'cli', 'environment', 'QUORATE_SERVER')).toBe(`nats://${advertised[0]}`)
  })

  test('every option it uses is one the commands know', () => {
    const help = (...command: string[]) =>
      execFileSync(process.execPath, [join(root, 'node/bin/quorate.js'), ...command, '--help'], {
        encoding: 'utf8',
      })
    const options = (text: string) => text.match(/(?<=\s)--[a-z-]+/g) ?? []
    const known = {
      start: options(help('server', 'start')),
      format: options(help('server', 'format')),
    }
    const used = nodes.flatMap((node) =>
      words('services', node, 'command').filter((word) => word.startsWith('--')),
    )
    expect(known.start).toEqual(expect.arrayContaining(used))
    expect(known.format).toEqual(expect.arrayContaining(options(script())))
  })
})

describe('format service', () => {
  const folders: string[] = []
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
  })

  /** The real script in a temporary world whose `quorate` only makes the files it is asked for. */
  function world(failAt = 'nothing') {
    const folder = mkdtempSync(join(tmpdir(), 'compose-'))
    folders.push(folder)
    for (const path of ['plan', 'bin', ...nodes.map((node) => `data/${node}`)]) {
      mkdirSync(join(folder, path), { recursive: true })
    }
    const stub = join(folder, 'bin/quorate')
    const calls = join(folder, 'calls')
    writeFileSync(
      stub,
      [
        '#!/bin/sh -eu',
        'case "$*" in *"$FAIL_AT"*) exit 1 ;; esac',
        `echo "$*" >> ${calls}`,
        'case "$3" in --new-plan) echo plan > "$4" ;; --plan) test -f "$4"; mkdir "$8" ;; esac',
      ].join('\n'),
    )
    chmodSync(stub, 0o755)
    const text = script()
      .replaceAll('/plan/', `${folder}/plan/`)
      .replaceAll('/data/', `${folder}/data/`)
    const run = (fail: string) => {
      const environment = { PATH: `${folder}/bin:${process.env['PATH']}`, FAIL_AT: fail }
      execFileSync('/bin/sh', ['-euc', text], { env: environment })
    }
    if (failAt !== 'nothing') expect(() => run(failAt)).toThrow()
    return {
      folder,
      run: () => run('nothing'),
      calls: () => readFileSync(calls, 'utf8').trim().split('\n'),
    }
  }

  test('writes one plan and formats each volume from it, once', () => {
    const { folder, run, calls } = world()
    run()
    expect(calls()).toHaveLength(4)
    for (const node of nodes) expect(existsSync(join(folder, `data/${node}/quorate`))).toBe(true)
    run()
    expect(calls()).toHaveLength(4)
  })

  test('goes on with the same plan after an interruption', () => {
    const { run, calls } = world('--node n2')
    run()
    expect(calls().map((call) => call.split(' ').slice(2, 6).join(' '))).toEqual([
      expect.stringContaining('--new-plan'),
      expect.stringContaining('--node n1'),
      expect.stringContaining('--node n2'),
      expect.stringContaining('--node n3'),
    ])
  })

  test('never formats a volume again that was lost later', () => {
    const { folder, run } = world()
    run()
    rmSync(join(folder, 'data/n2/quorate'), { recursive: true })
    run()
    expect(existsSync(join(folder, 'data/n2/quorate'))).toBe(false)
  })
})

describe('Dockerfile', () => {
  test('builds on Debian with Node 24, which the pinned runtimes and the native CRC need', () => {
    const images = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map((match) => match[1])
    expect(images.length).toBeGreaterThan(0)
    for (const image of images) expect(image).toMatch(/^node:24-[a-z]+-slim$/)
    expect(dockerfile).toMatch(/rm -rf .*node_modules\/node-linux-\*/)
    expect(dockerfile).not.toContain('--omit=optional')
  })

  test('runs as an ordinary user, and the entry is the committed command', () => {
    expect(dockerfile).toMatch(/^USER node$/m)
    expect(dockerfile).toMatch(/^ENTRYPOINT \["quorate"\]$/m)
    const target = /ln -s \/quorate\/(\S+) \/usr\/local\/bin\/quorate/.exec(dockerfile)?.[1]
    expect(existsSync(join(root, target ?? 'missing'))).toBe(true)
    for (const node of nodes) expect(dockerfile).toContain(`/data/${node}`)
  })
})
