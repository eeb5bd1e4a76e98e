// What a run leaves behind: the figures of every single run as JSON, and tables for people as
// Markdown, both with machine, versions, commit and command.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Machine, machine } from './machine.ts'

export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** What one must know to read it. */
  readonly note?: string
}

/** What a benchmark hands over. */
export interface Outcome {
  readonly tables: readonly Table[]
  /** Every single run. */
  readonly raw: Readonly<Record<string, unknown>>
  /** What ran where on the machine; default: the three nodes and the client of a real cluster. */
  readonly place?: string
}

export interface Report extends Outcome {
  readonly what: string
  readonly startedAt: string
  readonly command: string
  readonly machine: Machine
}

export function newReport(what: string, startedAt: Date, outcome: Outcome): Report {
  const command = ['npm run bench --', ...process.argv.slice(2)].join(' ')
  return { what, startedAt: startedAt.toISOString(), command, machine: machine(), ...outcome }
}

/** `file`: path without ending, or with `.json`. Gives the two paths. */
export function writeReport(report: Report, file: string): { json: string; markdown: string } {
  const stem = file.replace(/\.(?:json|md)$/, '')
  mkdirSync(dirname(stem), { recursive: true })
  const paths = { json: `${stem}.json`, markdown: `${stem}.md` }
  writeFileSync(paths.json, `${JSON.stringify(report, null, 2)}\n`)
  writeFileSync(paths.markdown, markdown(report))
  return paths
}

export function defaultFile(what: string, startedAt: Date): string {
  const day = startedAt.toISOString().slice(0, 10)
  return join(import.meta.dirname, '..', 'results', `${day}-${what}`)
}

export function tableText({ title, columns, rows, note }: Table): string {
  const widths = columns.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]!.length)),
  )
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  const lines = [`## ${title}`, '', line(columns), rule, ...rows.map(line)]
  return [...lines, ...(note === undefined ? [] : ['', note]), ''].join('\n')
}

function markdown({ what, startedAt, command, machine: host, tables, place }: Report): string {
  const { cpu, cores, memoryGiB, system, fileSystem, node, quorate, commit } = host
  return [
    `# ${what}`,
    '',
    `\`${command}\`, ${startedAt}`,
    '',
    `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, ${fileSystem}; Node.js ${node},`,
    `quorate ${quorate}, commit ${commit}.`,
    place ?? 'Three nodes and the client share the machine.',
    '',
    ...tables.map(tableText),
  ].join('\n')
}
