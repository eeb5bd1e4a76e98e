// The tree of commands: names, options, texts, one example each. A command's code is imported when
// it runs, so that help and small commands start fast. Values of options are read by the commands
// themselves (arguments.ts). docs/reference/cli.md shows the same tree; a test compares them.
import { Command, type CommanderError } from 'commander'
import { optionTable } from '../config-table.ts'
import { addChaos } from './program-chaos.ts'
import { addCluster } from './program-cluster.ts'
import { client, example } from './program-parts.ts'
import { UsageError } from './usage-error.ts'
import { version } from './version.ts'

type Environment = Readonly<Record<string, string | undefined>>

export const defaultServer = 'nats://127.0.0.1:4222'

/** A command that was asked for. */
export interface Starting {
  /** E.g. `quorate topic ls`. */
  readonly command: string
  readonly topic?: string | undefined
}

export function createProgram(
  environment: Environment,
  starting: (starting: Starting) => void = () => {},
): Command {
  const program = new Command('quorate')
    .description('A message broker cluster. A write is acknowledged when a quorum has it on disk.')
    .option('--verbose', 'print the stack of an error too (QUORATE_VERBOSE=1)')
  example(program, 'quorate dev')
  const server = environment['QUORATE_SERVER'] || defaultServer
  addDev(program)
  addServer(program)
  addTopic(program, server)
  addProduce(program, server)
  addConsume(program, server)
  addCluster(program, server)
  addStorage(program)
  addChaos(program)
  for (const command of [program, ...commandsBelow(program)]) prepare(command, starting)
  return program
}

export function commandsBelow(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...commandsBelow(child)])
}

/** `quorate topic create` */
export function commandPath(command: Command): string {
  return command.parent === null
    ? command.name()
    : `${commandPath(command.parent)} ${command.name()}`
}

/** What all commands have in common: a version, help on standard output, errors said by main.ts. */
function prepare(command: Command, starting: (starting: Starting) => void): void {
  command
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .configureOutput({ outputError: () => {} })
    .exitOverride((error: CommanderError) => {
      if (error.code.startsWith('commander.help') || error.exitCode === 0) throw error
      starting({ command: commandPath(command) })
      throw new UsageError(error.message.replace(/^error: /, ''))
    })
    .hook('preAction', (_, action) => {
      const [argument] = action.registeredArguments
      const topic = argument?.name() === 'topic' ? action.args[0] : undefined
      starting({ command: commandPath(action), topic })
    })
}

function addDev(program: Command): void {
  const dev = program
    .command('dev')
    .description('start a cluster of real node processes on this machine; Ctrl-C stops it')
    .option('--nodes <count>', '1, 3 or 5 (default: what the data folder holds, or 3)')
    .option('--data <folder>', 'where the nodes keep their data', '.quorate')
    .option('--port <port>', 'port of the first node, the others follow; 0: free ports', '4222')
    .option('--http-port <port>', 'the same for health and metrics', '8222')
    .option('--ephemeral', 'start with no data and remove them at the end')
    .action(async (options) => (await import('./dev.ts')).runDev(options))
  example(dev, 'quorate dev --nodes 3 --data .quorate')
}

function addServer(program: Command): void {
  const server = program.command('server').description('format and run a single node')
  example(server, 'quorate server start --data /var/lib/quorate/n1')
  const format = server
    .command('format')
    .description('write the plan of a new cluster, or format the data folder of one node from it')
    .option('--new-plan <file>', 'write a plan; the file holds the cluster secret (mode 0600)')
    .option('--nodes <addresses>', 'with --new-plan: HOST:PORT of 1, 3 or 5 nodes, by commas')
    .option('--plan <file>', 'format from this plan')
    .option('--node <id>', 'with --plan: which node, e.g. n1')
    .option('--data <folder>', 'with --plan: its data folder, empty or missing')
    .action(async (options) => (await import('./server-format.ts')).runFormat(options))
  example(format, 'quorate server format --plan plan.json --node n1 --data /var/lib/quorate/n1')
  const start = server
    .command('start')
    .description('run a formatted node until SIGTERM or SIGINT')
    .action(async (options) => (await import('./server-start.ts')).runStart(options))
  for (const row of optionTable) {
    const [flag = '', value] = row.flag.split(' ')
    const text = `${row.about} (default: ${row.default}; ${row.variable})`
    if (value === undefined) start.option(flag, text)
    else if (row.name === 'peer') start.option(`${flag} <${value}>`, text, collect)
    else start.option(`${flag} <${value}>`, text)
  }
  example(start, 'quorate server start --data /var/lib/quorate/n1 --listen 127.0.0.1:4222')
}

function addTopic(program: Command, server: string): void {
  const topic = program.command('topic').description('create, list, describe and remove topics')
  example(topic, 'quorate topic ls')
  const create = client(topic.command('create <topic>'), server)
    .description('create a topic')
    .option('--partitions <count>', '1 to 1024 (default: 6)')
    .option('--replicas <count>', 'of each partition, 1 to 5 (default: 3, or the number of nodes)')
    .option(
      '--retention <duration>',
      'how long records are kept at least, e.g. 12h, or unlimited (default: 7d)',
    )
    .option('--retention-bytes <size>', 'of a partition, e.g. 10GiB (default: unlimited)')
    .option('--segment-bytes <size>', 'of a file; whole files are removed (default: 64MiB)')
    .action(async (name, options) => (await import('./topic.ts')).runCreate(name, options))
  example(create, 'quorate topic create orders --partitions 6 --replicas 3 --retention 30d')
  const list = client(topic.command('ls'), server)
    .description('list topics')
    .action(async (options) => (await import('./topic.ts')).runList(options))
  example(list, 'quorate topic ls -o json')
  const describe = client(topic.command('describe <topic>'), server)
    .description('show the partitions of a topic and the state of every replica')
    .action(async (name, options) => (await import('./topic.ts')).runDescribe(name, options))
  example(describe, 'quorate topic describe orders')
  const remove = client(topic.command('rm <topic>'), server)
    .description('remove a topic with all its records')
    .option('--yes', 'do not ask')
    .action(async (name, options) => (await import('./topic.ts')).runRemove(name, options))
  example(remove, 'quorate topic rm orders --yes')
}

function addProduce(program: Command, server: string): void {
  const produce = client(program.command('produce <topic>'), server)
    .description('send a record per line, from a file or standard input')
    .option('--file <file>', 'read lines from this file')
    .option('--key-field <field>', 'lines are JSON objects, and this field is the key')
    .option('--partition <number>', 'send everything to this partition')
    .action(async (name, options) => (await import('./produce.ts')).runProduce(name, options))
  example(produce, "echo 'hello' | quorate produce orders -o json")
}

function addConsume(program: Command, server: string): void {
  const consume = client(program.command('consume <topic>'), server, ['raw', 'jsonl'])
    .description('print the records a topic holds when the command starts')
    .option('--from <position>', 'earliest, latest, or an offset with --partition', 'earliest')
    .option('--partition <number>', 'read this partition alone')
    .option('--max <count>', 'stop after this many records')
    .option('--follow', 'go on with records that arrive later, until Ctrl-C')
    .action(async (name, options) => (await import('./consume.ts')).runConsume(name, options))
  example(consume, 'quorate consume orders --max 10 -o jsonl')
}

function addStorage(program: Command): void {
  const storage = program.command('storage').description('look at the files of a stopped node')
  example(storage, 'quorate storage dump .quorate/n1 -o jsonl')
  const dump = storage
    .command('dump <folder>')
    .description('print the log entries in the data folder of a stopped node; changes nothing')
    .option('--topic <topic>', 'this topic alone, by name or by id')
    .option('--partition <number>', 'with --topic: this partition alone')
    .option('-o, --output <format>', 'table | jsonl', 'table')
    .action(async (folder, options) => (await import('./storage-dump.ts')).runDump(folder, options))
  example(dump, 'quorate storage dump .quorate/n1 --topic orders --partition 0 -o jsonl')
  const verify = storage
    .command('verify <folder>')
    .description('read every file of a stopped node and say what is damaged; changes nothing')
    .option('-o, --output <format>', 'table | json | jsonl', 'table')
    .action(async (folder, options) => {
      await (await import('./storage-verify.ts')).runVerify(folder, options)
    })
  example(verify, 'quorate storage verify .quorate/n1')
}

function collect(value: string, earlier: readonly string[] = []): string[] {
  return [...earlier, value]
}
