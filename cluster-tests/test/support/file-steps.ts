// A process that changes files as it is told: `node file-steps.ts` reads a list of folders and steps
// from its standard input and carries them out, through the product's own disk where that can do it,
// else through node:fs.
import * as fs from 'node:fs'
import { join } from 'node:path'
import { createNodeDisk, type Disk } from 'quorate/laboratory'

type File = ReturnType<Disk['openSync']>

/** Call and arguments; names are relative to the folder. */
export type Step = readonly [keyof typeof calls, ...(readonly (string | number)[])]

const disk = createNodeDisk()

const calls = {
  /** Content of `size` times the letter, from there on. */
  create: (path: string, letter: string, size: number) =>
    withFile(path, 'create', (file, done) => file.write([content(letter, size)], 0, done)),
  write: (path: string, letter: string, size: number, at: number) =>
    withFile(path, 'write', (file, done) => {
      const bytes = content(letter, size)
      file.write([bytes.subarray(0, 10), bytes.subarray(10)], at, done)
    }),
  writeSync: (path: string, letter: string, size: number, at: number) =>
    withFile(path, 'write', (file, done) => {
      file.writeSync(content(letter, size), at)
      done(undefined)
    }),
  writeDurable: (path: string, letter: string, size: number, at: number) =>
    withFile(path, 'write', (file, done) => {
      const bytes = content(letter, size)
      file.writeDurable([bytes.subarray(0, 10), bytes.subarray(10)], at, done)
    }),
  sync: (path: string) => withFile(path, 'write', (file, done) => file.sync(done)),
  syncSync: (path: string) =>
    withFile(path, 'write', (file, done) => {
      file.syncSync()
      done(undefined)
    }),
  syncFolder: (path: string) => settle((done) => disk.syncFolder(path, done)),
  syncFolderSync: (path: string) => disk.syncFolderSync(path),
  makeFolder: (path: string) => settle((done) => disk.makeFolder(path, done)),
  makeFolderSync: (path: string) => disk.makeFolderSync(path),
  remove: (path: string) => settle((done) => disk.remove(path, done)),
  removeSync: (path: string) => disk.removeSync(path),
  rename: (path: string, to: string, folder: string) =>
    settle((done) => disk.rename(path, join(folder, to), done)),
  renameSync: (path: string, to: string, folder: string) => disk.renameSync(path, join(folder, to)),
  link: (path: string, to: string, folder: string) => fs.linkSync(path, join(folder, to)),
  truncate: (path: string, size: number) => fs.truncateSync(path, size),
  replace: (path: string, letter: string, size: number) =>
    fs.writeFileSync(path, content(letter, size)),
  append: (path: string, letter: string, size: number) =>
    fs.appendFileSync(path, content(letter, size)),
  copy: (path: string, to: string, folder: string) => fs.copyFileSync(path, join(folder, to)),
} satisfies Record<string, (path: string, ...rest: never[]) => Promise<void> | void>

function content(letter: string, size: number): Uint8Array {
  return Buffer.alloc(size, letter)
}

function withFile(
  path: string,
  mode: 'create' | 'write',
  run: (file: File, done: (error: Error | undefined) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    disk.open(path, mode, (openError, file) => {
      if (openError !== undefined) {
        reject(openError)
        return
      }
      run(file, (error) => {
        file.close()
        if (error === undefined) resolve()
        else reject(error)
      })
    })
  })
}

function settle(run: (done: (error: Error | undefined) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    run((error) => (error === undefined ? resolve() : reject(error)))
  })
}

interface Task {
  readonly folder: string
  readonly steps: readonly Step[]
}

if (process.argv[1] === import.meta.filename) {
  for (const { folder, steps } of JSON.parse(fs.readFileSync(0, 'utf8')) as Task[]) {
    for (const [call, name, ...rest] of steps) {
      const run = calls[call] as (path: string, ...rest: unknown[]) => Promise<void> | void
      await run(join(folder, String(name)), ...rest, folder)
    }
  }
}
