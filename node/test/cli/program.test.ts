import { describe, expect, test } from 'vitest'
import { commandPath, commandsBelow, createProgram, type Starting } from '../../src/cli/program.ts'
import { UsageError } from '../../src/cli/usage-error.ts'
import { version } from '../../src/cli/version.ts'
import { optionTable } from '../../src/config.ts'

const program = createProgram({})
const everyCommand = [program, ...commandsBelow(program)].map(
  (command) => [commandPath(command), command] as const,
)

/** Runs a command line that ends before any command code: what is printed, and how it ended. */
async function run(line: string): Promise<{ text: string; error: unknown; started: Starting[] }> {
  const started: Starting[] = []
  const fresh = createProgram({}, (starting) => started.push(starting))
  let text = ''
  for (const command of [fresh, ...commandsBelow(fresh)]) {
    command.configureOutput({
      writeOut: (piece) => {
        text += piece
      },
      writeErr: (piece) => {
        text += piece
      },
    })
  }
  const words = line.split(' ').slice(1)
  const error = await fresh.parseAsync(words, { from: 'user' }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  return { text, error, started }
}

describe.each(everyCommand)('%s', (path, command) => {
  test('has help with its usage and one example of its own', async () => {
    const { text, error } = await run(`${path} --help`)
    expect(error).toMatchObject({ exitCode: 0 })
    expect(text).toContain(`Usage: ${path}`)
    const examples = text.split('\nExample:\n')
    expect(examples).toHaveLength(2)
    const example = examples[1]!.trim()
    expect(example.split('\n')).toHaveLength(1)
    expect(example).toContain(path)
  })

  test('has an example whose options all exist', async () => {
    const { text } = await run(`${path} --help`)
    const line = text.slice(text.lastIndexOf('\n', text.length - 2)).trim()
    const words = line.slice(line.indexOf('quorate ')).split(' ')
    const named = everyCommand.findLast(([each]) => line.includes(each))![1]
    const known = new Set(named.options.flatMap(({ long, short }) => [long, short]))
    for (const word of words.filter((each) => each.startsWith('-'))) expect(known).toContain(word)
  })

  test('has a description and a text for every option', () => {
    expect(command.description()).not.toBe('')
    for (const option of command.options) expect(option.description, option.flags).not.toBe('')
  })

  test('prints the version of the package', async () => {
    const { text, error } = await run(`${path} --version`)
    expect(error).toMatchObject({ exitCode: 0 })
    expect(text).toBe(`${version}\n`)
  })

  test('calls an unknown option a usage error, at the place where its help is', async () => {
    const { error, started } = await run(`${path} --no-such-option`)
    expect(error).toBeInstanceOf(UsageError)
    expect((error as Error).message).toContain('--no-such-option')
    expect(started.at(-1)?.command).toBe(path)
  })
})

describe('the command line', () => {
  test.each([
    ['quorate nonsense', 'unknown command'],
    ['quorate topic nonsense', 'unknown command'],
    ['quorate topic create', 'missing required argument'],
    ['quorate topic create orders more', 'too many arguments'],
    ['quorate consume orders --max', 'argument missing'],
    ['quorate topic describ orders', 'Did you mean describe?'],
  ])('calls %s a usage error', async (line, words) => {
    const { error } = await run(line)
    expect(error).toBeInstanceOf(UsageError)
    expect((error as Error).message).toContain(words)
  })

  test.each(['quorate', 'quorate topic', 'quorate server'])(
    'shows help for %s alone, which does nothing, and does not call that a success',
    async (line) => {
      const { text, error } = await run(line)
      expect(text).toContain('Commands:')
      expect(error).toMatchObject({ code: 'commander.help', exitCode: 1 })
    },
  )

  test('takes the server from QUORATE_SERVER, and the default where that is empty', () => {
    const serverOf = (environment: Record<string, string>) => {
      const commands = commandsBelow(createProgram(environment))
      const list = commands.find((command) => commandPath(command) === 'quorate topic ls')!
      return list.opts()['server']
    }
    expect(serverOf({ QUORATE_SERVER: 'nats://10.0.0.1:1' })).toBe('nats://10.0.0.1:1')
    expect(serverOf({ QUORATE_SERVER: '' })).toBe('nats://127.0.0.1:4222')
    expect(serverOf({})).toBe('nats://127.0.0.1:4222')
  })

  test('every command that talks to a cluster takes --server and -o', () => {
    const others = /^quorate (dev|server|storage|chaos)\b/
    for (const [path, command] of everyCommand) {
      const runs = command.commands.length === 0
      if (!runs || others.test(path)) continue
      const flags = command.options.map(({ long }) => long)
      expect(flags, path).toEqual(expect.arrayContaining(['--server', '--output']))
    }
  })

  test('server start has every option of the table, with default and variable', () => {
    const start = everyCommand.find(([path]) => path === 'quorate server start')![1]
    for (const row of optionTable) {
      const [flag] = row.flag.split(' ')
      const option = start.options.find(({ long }) => long === flag)
      expect(option?.attributeName(), row.flag).toBe(row.name)
      expect(option!.description).toContain(row.default)
      expect(option!.description).toContain(row.variable)
    }
  })
})
