// Small file systems in memory, one for each node, so that a disk can really run full. Mounting needs
// root, or a user namespace in which this process is root. They are unmounted when this process ends,
// whatever way it ends but SIGKILL.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const mounted = new Set<string>()
const fillerBytes = 1024 * 1024

process.on('exit', () => {
  // Lazily: the processes that use it were told to end in this very moment.
  for (const folder of [...mounted]) tryTo(() => unmount(folder, ['--lazy']))
})

/** Why this process cannot mount one; undefined when it can. */
export function smallDiskProblem(): string | undefined {
  if (process.platform !== 'linux') return 'small disks need Linux'
  const folder = mkdtempSync(join(tmpdir(), 'quorate-mount-'))
  try {
    mount(folder, fillerBytes)
    unmount(folder, [])
    return undefined
  } catch {
    return 'this process may not mount a file system: it needs root, or user namespaces'
  } finally {
    rmdirSync(folder)
  }
}

/** A command in front of which this process could mount, as root of a namespace; undefined: none. */
export function mountingPrefix(): readonly string[] | undefined {
  const prefix = ['unshare', '--user', '--map-root-user', '--mount']
  const [command = '', ...args] = prefix
  const works = tryTo(() => execFileSync(command, [...args, 'true'], { stdio: 'ignore' }))
  return works ? prefix : undefined
}

export class SmallDisk {
  readonly folder: string
  readonly #filler: string

  /** `folder` need not exist. Throws when it cannot be mounted. */
  constructor(folder: string, sizeBytes: number) {
    this.folder = folder
    this.#filler = join(folder, 'filler')
    mkdirSync(folder, { recursive: true })
    mount(folder, sizeBytes)
  }

  /** Takes all the room there is but so much. */
  async fill(leftBytes: number): Promise<void> {
    const piece = new Uint8Array(fillerBytes)
    const file = await open(this.#filler, 'a')
    try {
      // A write into the last room is a short one; the next one finds none.
      while ((await file.write(piece)).bytesWritten > 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      const { size } = await file.stat()
      await file.truncate(Math.max(0, size - leftBytes))
      await file.close()
    }
  }

  free(): void {
    rmSync(this.#filler, { force: true })
  }

  /** What it held is gone. */
  remove(): void {
    unmount(this.folder, [])
  }
}

function mount(folder: string, sizeBytes: number): void {
  const options = ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'quorate', folder]
  execFileSync('mount', options, { stdio: 'ignore' })
  mounted.add(folder)
}

function unmount(folder: string, options: readonly string[]): void {
  mounted.delete(folder)
  execFileSync('umount', [...options, folder], { stdio: 'ignore' })
}

function tryTo(act: () => void): boolean {
  try {
    act()
    return true
  } catch {
    return false
  }
}
