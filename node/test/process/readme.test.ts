// The first screens of the README and of the tutorial, line by line, as somebody who pastes them.
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { Bench, type Dev, isReady, script, until } from './command-line.ts'

const repository = fileURLToPath(new URL('../../..', import.meta.url))
const bench = new Bench()
afterAll(() => bench.clear())

interface Block {
  readonly language: string
  readonly text: string
}

/** What these start is started here in another way, or is not here. */
const skipped = /npm (?:ci|test)|npm run|^nats /m

function blocksOf(page: string): Block[] {
  const text = readFileSync(join(repository, page), 'utf8')
  return [...text.matchAll(/^```(js|sh)\n([\s\S]*?)^```$/gm)]
    .map(([, language, body]) => ({ language: language!, text: body! }))
    .filter((block) => !skipped.test(block.text))
}

/** `npx` without npm: the command of this repository, and the Node that runs this test. */
const npx = `npx() {
  if [ "$1" = quorate ]; then shift; "${process.execPath}" "${script}" "$@"
  else shift; "${process.execPath}" "$@"; fi
}
`

describe.each(['README.md', 'docs/tutorials/first-message.md'])('%s', (page) => {
  test('says what works, in the order in which it says it', async () => {
    const folder = join(bench.folder, page.replaceAll('/', '-'))
    mkdirSync(folder)
    symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
    const dev = await bench.dev(['--data', join(folder, '.quorate')])
    let printed = ''
    for (const { language, text } of blocksOf(page)) {
      if (language === 'js') saveProgram(folder, text, dev)
      else printed += await paste(folder, text, dev)
    }
    expect(printed).toContain('hello')
    expect(printed).toContain('from a program')
    expect(printed).toContain('still here')
    await until('the killed node is back', () => isReady(dev.file.nodes[2]!.http))
    dev.started.signal('SIGINT')
    expect((await dev.started.ended).exitCode).toBe(0)
  })
})

/** Under the name in its first line, with the port this cluster has. */
function saveProgram(folder: string, text: string, dev: Dev): void {
  const name = /^\/\/ (\S+\.mjs)$/m.exec(text)?.[1]
  expect(name, text).toBeDefined()
  const path = join(folder, name!)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text.replaceAll('nats://127.0.0.1:4222', dev.server))
}

async function paste(folder: string, text: string, dev: Dev): Promise<string> {
  const { exitCode, stdout, stderr } = await bench.startCommand(
    ['bash', '-e', '-o', 'pipefail', '-c', npx + text],
    { folder, environment: { QUORATE_SERVER: dev.server } },
  ).ended
  expect(exitCode, `${text}\n${stdout}\n${stderr}`).toBe(0)
  return stdout
}
