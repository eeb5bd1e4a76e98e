// The model of a power cut itself: a process does one thing after the other with files, through the
// product's disk and through node:fs, is cut off, and exactly the states that a disk may be left in
// come out. Each case is carried out in many folders, so that one cut shows many of its outcomes.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type CommandResult, runCommand } from 'quorate/laboratory'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { powerCutEnvironment } from '../../src/power-cut/library.ts'
import { type PowerCutMode, powerCutModes, restore } from '../../src/power-cut/restore.ts'
import type { Step } from '../support/file-steps.ts'
import { hasPowerCut } from '../support/power-cut.ts'

const script = join(import.meta.dirname, '../support/file-steps.ts')
const samples = Array.from({ length: 48 }, (_unused, index) => String(index).padStart(2, '0'))
const page = 4096

let home: string
let root: string
let journal: string

function inNewFolder(): void {
  // In memory, where thousands of syncs cost nothing: the model does not ask the device.
  home = mkdtempSync('/dev/shm/quorate-power-cut-')
  root = join(home, 'root')
  journal = join(home, 'journal')
}
const removeFolder = () => rmSync(home, { recursive: true, force: true })

/** One process that carries out steps in each folder of each case. */
async function carryOut(steps: Readonly<Record<string, readonly Step[]>>): Promise<CommandResult> {
  const tasks = Object.entries(steps).flatMap(([name, list]) =>
    samples.map((sample) => ({ folder: join(root, name, sample), steps: list })),
  )
  for (const { folder } of tasks) mkdirSync(folder, { recursive: true })
  const environment = powerCutEnvironment(root, journal)
  return runCommand(process.execPath, [script], { environment, input: JSON.stringify(tasks) })
}

const succeeded = { exitCode: 0, stderr: '' }

/** The different states in which the folders of a case are found, as names with content. */
function statesOf(name: string): string[] {
  return [...new Set(allStates(name))].sort()
}

function allStates(name: string): string[] {
  return samples.map((sample) => describeFolder(join(root, name, sample), '').join(' '))
}

function describeFolder(folder: string, prefix: string): string[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const path = join(folder, name)
      if (!statSync(path).isDirectory())
        return [`${prefix}${name}=${shortened(readFileSync(path))}`]
      return [`${prefix}${name}/`, ...describeFolder(path, `${prefix}${name}/`)]
    })
}

/** One letter for each page or part of one; `.` for zeros, with the size where it is no page. */
function shortened(bytes: Buffer): string {
  const letters: string[] = []
  for (let at = 0; at < bytes.byteLength; at += page) {
    const part = bytes.subarray(at, at + page)
    const letter = part[0] === 0 ? '.' : String.fromCharCode(part[0]!)
    if (part.some((byte) => byte !== part[0])) letters.push('?')
    else letters.push(part.byteLength === page ? letter : `${letter}${part.byteLength}`)
  }
  return letters.join('')
}

interface Case {
  readonly title: string
  /** Of an earlier life of the process. */
  readonly before?: readonly Step[]
  readonly steps: readonly Step[]
  /** All states that may be left, and each is found. */
  readonly states: Readonly<Record<PowerCutMode, readonly string[]>>
}

const synced: readonly Step[] = [
  ['create', 'a', 'o', 2 * page],
  ['sync', 'a'],
  ['syncFolder', '.'],
]

const cases: readonly Case[] = [
  {
    title: 'a write that is not synced is lost, and so may the name be',
    steps: [['create', 'a', 'x', 100]],
    states: {
      'lose-all': ['a='],
      'keep-pages': ['a=', 'a=.100', 'a=x100'],
      'keep-names': ['', 'a=', 'a=.100', 'a=x100'],
    },
  },
  {
    title: 'fdatasync keeps data and size and not the name',
    steps: [
      ['create', 'a', 'x', 100],
      ['sync', 'a'],
    ],
    states: {
      'lose-all': ['a=x100'],
      'keep-pages': ['a=x100'],
      'keep-names': ['', 'a=x100'],
    },
  },
  {
    title: 'a name stays when its folder is synced',
    steps: [
      ['create', 'a', 'x', 100],
      ['syncSync', 'a'],
      ['syncFolderSync', '.'],
    ],
    states: {
      'lose-all': ['a=x100'],
      'keep-pages': ['a=x100'],
      'keep-names': ['a=x100'],
    },
  },
  {
    title: 'a durable write stays with the size it needs, and saves no other write',
    before: synced,
    steps: [
      ['writeSync', 'a', 'y', page, 0],
      ['writeDurable', 'a', 'x', page, 2 * page],
    ],
    states: {
      'lose-all': ['a=oox'],
      'keep-pages': ['a=oox', 'a=yox'],
      'keep-names': ['a=oox', 'a=yox'],
    },
  },
  {
    title: 'of a write over several pages each stays or goes alone',
    before: synced,
    steps: [['write', 'a', 'x', 2 * page, 0]],
    states: {
      'lose-all': ['a=oo'],
      'keep-pages': ['a=oo', 'a=ox', 'a=xo', 'a=xx'],
      'keep-names': ['a=oo', 'a=ox', 'a=xo', 'a=xx'],
    },
  },
  {
    title: 'of two writes to a page none, one or both stay, in order',
    before: synced,
    steps: [
      ['write', 'a', 'x', page, 0],
      ['write', 'a', 'y', page, 0],
    ],
    states: {
      'lose-all': ['a=oo'],
      'keep-pages': ['a=oo', 'a=xo', 'a=yo'],
      'keep-names': ['a=oo', 'a=xo', 'a=yo'],
    },
  },
  {
    title: 'a rename over another file happens whole or not at all, until its folder is synced',
    before: synced,
    steps: [
      ['create', 'a.tmp', 'x', 100],
      ['sync', 'a.tmp'],
      ['rename', 'a.tmp', 'a'],
    ],
    states: {
      'lose-all': ['a=x100'],
      'keep-pages': ['a=x100'],
      'keep-names': ['a=oo', 'a=oo a.tmp=x100', 'a=x100'],
    },
  },
  {
    title: 'a synced rename stays',
    before: synced,
    steps: [
      ['create', 'a.tmp', 'x', 100],
      ['sync', 'a.tmp'],
      ['renameSync', 'a.tmp', 'a'],
      ['syncFolder', '.'],
    ],
    states: {
      'lose-all': ['a=x100'],
      'keep-pages': ['a=x100'],
      'keep-names': ['a=x100'],
    },
  },
  {
    title: 'a removed file comes back with its content until its folder is synced',
    before: synced,
    steps: [['remove', 'a']],
    states: {
      'lose-all': [''],
      'keep-pages': [''],
      'keep-names': ['', 'a=oo'],
    },
  },
  {
    title: 'a file with the name of a removed one is another file',
    before: synced,
    steps: [
      ['removeSync', 'a'],
      ['create', 'a', 'x', page],
      ['sync', 'a'],
    ],
    states: {
      'lose-all': ['a=x'],
      'keep-pages': ['a=x'],
      'keep-names': ['', 'a=oo', 'a=x'],
    },
  },
  {
    title: 'a truncation is undone until the file is synced, with what was written after it',
    before: synced,
    steps: [
      ['truncate', 'a', page],
      ['write', 'a', 'x', page, page],
    ],
    states: {
      'lose-all': ['a=oo'],
      'keep-pages': ['a=o', 'a=o.', 'a=oo', 'a=ox'],
      'keep-names': ['a=o', 'a=o.', 'a=oo', 'a=ox'],
    },
  },
  {
    title: 'a synced truncation stays',
    before: synced,
    steps: [
      ['truncate', 'a', page],
      ['sync', 'a'],
    ],
    states: {
      'lose-all': ['a=o'],
      'keep-pages': ['a=o'],
      'keep-names': ['a=o'],
    },
  },
  {
    title: 'a file that is opened to be written anew may be empty',
    before: synced,
    steps: [['replace', 'a', 'x', 100]],
    states: {
      'lose-all': ['a=oo'],
      'keep-pages': ['a=', 'a=.100', 'a=oo', 'a=x100'],
      'keep-names': ['a=', 'a=.100', 'a=oo', 'a=x100'],
    },
  },
  {
    title: 'what was appended goes without what stood there',
    before: synced,
    steps: [['append', 'a', 'x', page]],
    states: {
      'lose-all': ['a=oo'],
      'keep-pages': ['a=oo', 'a=oo.', 'a=oox'],
      'keep-names': ['a=oo', 'a=oo.', 'a=oox'],
    },
  },
  {
    title: 'a lost folder takes along what lies in it, however well that was synced',
    steps: [
      ['makeFolder', 'd'],
      ['create', 'd/a', 'x', 100],
      ['sync', 'd/a'],
      ['syncFolder', 'd'],
    ],
    states: {
      'lose-all': ['d/ d/a=x100'],
      'keep-pages': ['d/ d/a=x100'],
      'keep-names': ['', 'd/ d/a=x100'],
    },
  },
  {
    title: 'a removed folder comes back empty, or with what was in it',
    before: [
      ['makeFolderSync', 'd'],
      ['create', 'd/a', 'x', 100],
      ['sync', 'd/a'],
      ['syncFolder', 'd'],
      ['syncFolder', '.'],
    ],
    steps: [
      ['remove', 'd/a'],
      ['remove', 'd'],
    ],
    states: {
      'lose-all': [''],
      'keep-pages': [''],
      'keep-names': ['', 'd/', 'd/ d/a=x100'],
    },
  },
  {
    title: 'a second name stays or goes alone',
    before: synced,
    steps: [['link', 'a', 'b']],
    states: {
      'lose-all': ['a=oo b=oo'],
      'keep-pages': ['a=oo b=oo'],
      'keep-names': ['a=oo', 'a=oo b=oo'],
    },
  },
]

const byTitle = <Value>(value: (each: Case) => Value) =>
  Object.fromEntries(cases.map((each) => [each.title, value(each)]))

describe.skipIf(!hasPowerCut(cases.length * powerCutModes.length + 5))('after a power cut', () => {
  describe.for(powerCutModes)('of kind %s', (mode) => {
    beforeAll(async () => {
      inNewFolder()
      // Two lives: what the first has synced must be durable in the second.
      for (const steps of [byTitle(({ before = [] }) => before), byTitle(({ steps }) => steps)]) {
        expect(await carryOut(steps)).toMatchObject(succeeded)
      }
      restore({ root, journal, mode, seed: 'model' })
    })
    afterAll(removeFolder)

    test.for(cases)('$title', ({ title, states }) => {
      expect(statesOf(title)).toEqual(states[mode])
    })
  })

  describe('the model', () => {
    beforeEach(inNewFolder)
    afterEach(removeFolder)
    const unsynced: readonly Step[] = [['create', 'a', 'x', 4 * page]]

    test('takes a sync by the next process for what the one before had only written', async () => {
      await carryOut({ case: unsynced })
      const sync: readonly Step[] = [
        ['sync', 'a'],
        ['syncFolder', '.'],
      ]
      expect(await carryOut({ case: sync })).toMatchObject(succeeded)
      restore({ root, journal, mode: 'keep-names', seed: 'next' })
      expect(statesOf('case')).toEqual(['a=xxxx'])
    })

    test('takes for durable what an earlier cut has left', async () => {
      await carryOut({ case: unsynced })
      restore({ root, journal, mode: 'keep-names', seed: 'first' })
      const left = allStates('case')
      expect(restore({ root, journal, mode: 'lose-all', seed: 'second' })).toMatchObject({
        files: 0,
        names: 0,
      })
      expect(allStates('case')).toEqual(left)
    })

    test('gives the same files for the same journal and seed, others for another seed', async () => {
      const runs: string[][] = []
      for (const seed of ['one', 'one', 'other']) {
        removeFolder()
        inNewFolder()
        await carryOut({ case: unsynced })
        restore({ root, journal, mode: 'keep-names', seed })
        runs.push(allStates('case'))
      }
      expect(runs[1]).toEqual(runs[0])
      expect(runs[2]).not.toEqual(runs[0])
    })

    test('notices names that changed without a record', async () => {
      await carryOut({ case: unsynced })
      rmSync(join(root, 'case', samples[0]!, 'a'))
      expect(() => restore({ root, journal, mode: 'lose-all', seed: 'unseen' })).toThrow(
        /without a record/,
      )
    })

    test('ends a process that changes files in a way it does not know', async () => {
      const { exitCode, stderr } = await carryOut({ case: [...unsynced, ['copy', 'a', 'b']] })
      expect(exitCode).toBe(null)
      expect(stderr).toContain('power-cut: unsupported call: copy_file_range')
    })
  })
})
