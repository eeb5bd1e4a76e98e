// Renders the parts of docs/reference that are tables of the code, as Markdown. A page holds such a
// part between `<!-- begin NAME -->` and `<!-- end NAME -->`. The test compares them; with
// UPDATE_REFERENCE=1 it writes them instead.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { keyedRandom } from '@quorate/actors'
import { commandPath, commandsBelow, createProgram } from '../../src/cli/program.ts'
import { optionTable } from '../../src/config-table.ts'
import { defaultNatsDoorLimits } from '../../src/doors/nats/limits.ts'
import { anomalyTable } from '../../src/laboratory/history/anomaly.ts'
import { type FaultRow, faultTable } from '../../src/laboratory/plan/fault-table.ts'
import { probeNames, probeTable } from '../../src/laboratory/plan/probe-table.ts'
import { traceKindTable } from '../../src/laboratory/trace/trace-kinds.ts'
import { limitTable } from '../../src/limits.ts'
import { defaultMeshLimits } from '../../src/mesh/limits.ts'
import { Metrics } from '../../src/observe/metrics.ts'
import { registerNodeMetrics } from '../../src/observe/node-metrics.ts'
import { messageKinds } from '../../src/simulation/message-faults.ts'
import { storageSettings } from '../../src/storage/options.ts'
import { testingParts } from './testing-reference.ts'

export const repository: string = fileURLToPath(new URL('../../..', import.meta.url))

/** Part → page below docs/reference. */
export const pages: Readonly<Record<string, string>> = {
  options: 'config.md',
  commands: 'cli.md',
  'node limits': 'limits.md',
  'door limits': 'limits.md',
  'mesh limits': 'limits.md',
  'storage limits': 'limits.md',
  'client limits': 'limits.md',
  metrics: 'metrics.md',
  anomalies: 'history.md',
  'trace kinds': '../how-to/read-a-trace.md',
  branches: 'probes.md',
  sites: 'probes.md',
  ...Object.fromEntries(Object.keys(testingParts).map((part) => [part, 'testing.md'])),
  faults: 'faults.md',
  messages: 'faults.md',
}

export function render(part: string): string {
  const testing = testingParts[part]?.()
  if (testing !== undefined) return table(testing.headings, testing.rows)
  switch (part) {
    case 'options':
      return optionsTable()
    case 'commands':
      return commandSections()
    case 'node limits':
      return nodeLimits()
    case 'door limits':
      return commented('node/src/doors/nats/limits.ts', 'NatsDoorLimits', defaultNatsDoorLimits)
    case 'mesh limits':
      return commented('node/src/mesh/limits.ts', 'MeshLimits', defaultMeshLimits)
    case 'storage limits':
      return storageLimits()
    case 'client limits':
      return commented('client/src/limits.ts', 'ClientLimits', clientLimits())
    case 'trace kinds':
      return traceKinds()
    case 'metrics':
      return metricsTable()
    case 'anomalies':
      return anomalies()
    case 'branches':
      return probes('Branch', probeTable.reached)
    case 'sites':
      return probes('Site', probeTable.provoke)
    case 'faults':
      return faults()
    case 'messages':
      return messages()
    default:
      throw new Error(`no part ${part}`)
  }
}

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(headings), `|${headings.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n')
}

function anomalies(): string {
  const rows = Object.entries(anomalyTable).map(([name, { severity, meaning }]) => {
    return [`[\`${name}\`](#${name})`, severity, meaning]
  })
  return table(['Anomaly', 'Severity', 'Meaning'], rows)
}

function faults(): string {
  const rows = Object.entries<FaultRow>(faultTable).map(([name, row]) => {
    const detail =
      row.detail === undefined ? '–' : `${row.detail}${row.optional ? ', or none' : ''}`
    return [`\`${name}\``, row.targets.join(', '), detail, row.meaning]
  })
  return table(['Fault', 'Targets', 'Detail', 'Meaning'], rows)
}

function messages(): string {
  const rows = Object.entries<readonly string[] | undefined>(messageKinds).map(([name, types]) => [
    `\`${name}\``,
    types === undefined ? 'all of these' : types.map((type) => `\`${type}\``).join(', '),
  ])
  return table(['Detail', 'Messages'], rows)
}

function optionsTable(): string {
  const rows = optionTable.map((row) => [
    `\`${row.flag}\``,
    `\`${row.variable}\``,
    row.unit,
    row.default,
    row.range,
    row.relation || '–',
    row.about,
  ])
  const headings = ['Flag', 'Variable', 'Unit', 'Default', 'Range', 'Relation', 'Meaning']
  return table(headings, rows)
}

function commandSections(): string {
  const runnable = commandsBelow(createProgram({})).filter(({ commands }) => commands.length === 0)
  const sections = runnable.map((command) => {
    let help = ''
    command.configureOutput({
      writeOut: (text) => {
        help += text
      },
      getOutHelpWidth: () => 96,
      getOutHasColors: () => false,
    })
    command.outputHelp()
    return `## ${commandPath(command)}\n\n\`\`\`text\n${help.trimEnd()}\n\`\`\``
  })
  return sections.join('\n\n')
}

function nodeLimits(): string {
  const rows = Object.entries(limitTable).map(([name, limit]) => [
    `\`${name}\``,
    String(limit.value),
    limit.unit,
    limit.error === 'none' ? '–' : `\`${limit.error}\``,
    'replicated' in limit ? `${limit.about} (the same on all replicas)` : limit.about,
  ])
  return table(['Limit', 'Value', 'Unit', 'Error', 'What it bounds'], rows)
}

function storageLimits(): string {
  const {
    random: _random,
    probe: _probe,
    ...settings
  } = storageSettings({ random: keyedRandom('docs') })
  return commented('node/src/storage/options.ts', 'StorageOptions', settings)
}

/** A table of an interface's fields with what its source says about each. */
function commented(
  path: string,
  name: string,
  values: Readonly<Record<string, unknown>> | object,
): string {
  const source = readFileSync(join(repository, path), 'utf8')
  const start = source.indexOf(`export interface ${name} {`)
  const body = source.slice(start, source.indexOf('\n}', start))
  const comments = new Map<string, string>()
  const field = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*readonly (\w+)/g
  for (const [, comment = '', key = ''] of body.matchAll(field)) {
    comments.set(key, comment.replaceAll(/\n\s*\*\s?/g, ' ').trim())
  }
  const rows = Object.entries(values).map(([key, value]) => [
    `\`${key}\``,
    Array.isArray(value) ? value.join(' to ') : String(value),
    comments.get(key) ?? '–',
  ])
  return table(['Limit', 'Value', 'What it bounds'], rows)
}

/** The client exports no limits: they are read out of its source. */
function clientLimits(): Record<string, unknown> {
  const source = readFileSync(join(repository, 'client/src/limits.ts'), 'utf8')
  const body = source.slice(source.indexOf('export const defaultLimits'))
  const rows = [...body.matchAll(/^ {2}(\w+): (.+),$/gm)]
  return Object.fromEntries(rows.map(([, key = '', text = '']) => [key, clientValue(text)]))
}

function clientValue(text: string): unknown {
  const plain = text.replaceAll('_', '').replaceAll('maxPayloadBytes', String(1024 * 1024))
  const list = /^\[(\d+), (\d+)\]$/.exec(plain)
  if (list !== null) return [Number(list[1]), Number(list[2])]
  return plain
    .split(' - ')
    .map(product)
    .reduce((left, right) => left - right)
}

function product(text: string): number {
  const value = text.split(' * ').reduce((left, right) => left * Number(right), 1)
  if (Number.isNaN(value)) throw new Error(`${text} is no number`)
  return value
}

function probes(heading: string, meanings: Readonly<Record<string, string>>): string {
  const rows = Object.entries(meanings).map(([name, meaning]) => [`\`${name}\``, meaning])
  return table([heading, 'Meaning'], rows)
}

function traceKinds(): string {
  const rows = Object.entries(traceKindTable).map(([kind, meaning]) => [`\`${kind}\``, meaning])
  return table(['Kind', 'What such a line says'], rows)
}

function metricsTable(): string {
  const metrics = new Metrics()
  registerNodeMetrics(metrics, anything)
  const families = metrics.render().matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)$/gm)
  const rows = [...families].map(([, name, help, type]) => [`\`${name}\``, type!, help!])
  return table(['Metric', 'Type', 'Meaning'], rows)
}

/** Has every field and method, all empty: metrics read their owners only when they are scraped. */
const anything = new Proxy(() => {}, {
  get: (_, name) => {
    if (name === Symbol.toPrimitive) return () => 0
    if (name === Symbol.iterator) return [][Symbol.iterator]
    return anything
  },
  apply: () => anything,
}) as never

/** Names of events in the sources of the node. */
export function eventNames(): Set<string> {
  const notEvents = /^(?:commander\.|metadata\.(?:propose|read)$)|\.(?:json|ts|tmp|log)$/
  // What no node process runs: its events are in no log of a node.
  const probed = new Set<string>(probeNames)
  const noNode = /^(?:cli|laboratory|testing)\//
  const found = new Set<string>()
  const folder = join(repository, 'node/src')
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.ts') || noNode.test(path)) continue
    const source = readFileSync(join(folder, path), 'utf8')
    for (const [, name] of source.matchAll(/'([a-z]+\.[a-z]+(?:[_-][a-z]+)*)'/g)) {
      if (!notEvents.test(name!) && !probed.has(name!)) found.add(name!)
    }
  }
  return found
}
