import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { optionTable } from '../../src/config-table.ts'
import { anomalyTable } from '../../src/laboratory/history/anomaly.ts'
import { checkHistory } from '../../src/laboratory/history/check-history.ts'
import { historyFunctions, parseEvent, parseHeader } from '../../src/laboratory/history/line.ts'
import { eventNames, pages, render, repository } from './reference.ts'

const page = (name: string) => join(repository, 'docs', 'reference', name)
const update = process.env['UPDATE_REFERENCE'] === '1'

describe('the reference', () => {
  test.each(Object.entries(pages))('on %s in %s says what the code says', (part, name) => {
    const text = readFileSync(page(name), 'utf8')
    const [begin, end] = [`<!-- begin ${part} -->`, `<!-- end ${part} -->`]
    const from = text.indexOf(begin)
    const to = text.indexOf(end)
    expect(from, `${name} has no ${begin}`).toBeGreaterThanOrEqual(0)
    expect(to).toBeGreaterThan(from)
    const written = text.slice(from + begin.length, to).trim()
    const rendered = render(part)
    if (update && written !== rendered) {
      const head = text.slice(0, from + begin.length)
      writeFileSync(page(name), `${head}\n\n${rendered}\n\n${text.slice(to)}`)
      return
    }
    expect(written, 'run again with UPDATE_REFERENCE=1 to write it').toBe(rendered)
  })

  test('names every event of the log, and no other', () => {
    const text = readFileSync(page('events.md'), 'utf8')
    const rows = [...text.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name!)
    expect(rows.toSorted()).toEqual([...eventNames()].toSorted())
  })

  test('has every export of quorate/testing, and says what each member of it means', () => {
    const text = readFileSync(page('testing.md'), 'utf8')
    const door = readFileSync(join(repository, 'node/src/testing/index.ts'), 'utf8')
    const lists = [...door.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].map(([, list]) => list!)
    const names = lists.flatMap((list) => list.match(/\b(?!type\b)\w+/g) ?? [])
    expect(names.length).toBeGreaterThan(20)
    for (const name of names) expect(text).toMatch(new RegExp(`\`${name}[\`(]`))
    const rows = text.split('\n').filter((line) => line.startsWith('| `'))
    for (const row of rows) expect(row).not.toMatch(/\| +\|$/)
  })

  test('defines every anomaly of a history, and no other', () => {
    const text = readFileSync(page('history.md'), 'utf8')
    const defined = [...text.matchAll(/^### `([^`]+)`$/gm)].map(([, name]) => name!)
    expect(defined.toSorted()).toEqual(Object.keys(anomalyTable).toSorted())
  })

  test('shows a history that is one, and is clean', () => {
    const text = readFileSync(page('history.md'), 'utf8')
    const [header = '', ...lines] = /```jsonl\n(.+?)\n```/s.exec(text)![1]!.split('\n')
    const events = lines.map((line, at) => parseEvent(line, at + 2))
    expect(checkHistory({ header: parseHeader(header, 1), events })).toEqual([])
  })

  test('describes every function of a history, and no other', () => {
    const text = readFileSync(page('history.md'), 'utf8')
    const section = text.slice(text.indexOf('| `f` | `value`'), text.indexOf('## Anomalies'))
    const described = [...section.matchAll(/^\| `([a-z]+)` \|/gm)].map(([, name]) => name!)
    expect(described.slice(1).toSorted()).toEqual([...historyFunctions].toSorted())
  })

  test('names every variable a command reads', () => {
    const text = readFileSync(page('config.md'), 'utf8')
    const variables = [...optionTable.map(({ variable }) => variable), 'QUORATE_SERVER']
    for (const variable of [...variables, 'QUORATE_VERBOSE']) expect(text).toContain(variable)
  })
})
