// Reads the tables of a reference page, so that tests can compare them with the tables in code.
import { readFileSync } from 'node:fs'

export function referencePage(page: string): string {
  return readFileSync(new URL(`../../docs/reference/${page}`, import.meta.url), 'utf8')
}

/** Cells of every table row whose first cell matches, without back quotes around a whole cell. */
export function tableRows(page: string, firstCell: RegExp): string[][] {
  const rows: string[][] = []
  for (const line of referencePage(page).split('\n')) {
    if (!line.startsWith('| ')) continue
    const cells = line
      .slice(2, line.lastIndexOf(' |'))
      .split(' | ')
      .map((cell) => cell.trim().replace(/^`([^`]*)`$/, '$1'))
    if (firstCell.test(cells[0]!)) rows.push(cells)
  }
  return rows
}
