// The files tidy looks at, read once: every text file below the root except what is built,
// installed or ignored, and the manifest of each workspace. Rules get this and touch no disk.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { type Masked, mask } from './mask.ts'

const skippedFolders = new Set([
  'node_modules',
  'dist',
  '.git',
  '.cache',
  '.pack',
  '.quorate',
  'coverage',
])
const textFile = /(?:\.(?:ts|js|json|md|yml|yaml|txt|sh)|Dockerfile|LICENSE|\/run|ignore|\.npmrc)$/

export interface SourceFile {
  /** Relative to the root, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly lines: readonly string[]
  /** Computed once, for code only. */
  readonly masked: Masked
}

export interface Manifest {
  /** Folder of the workspace. */
  readonly folder: string
  readonly name: string
  /** Subpath (`.`, `./testing`) to file, relative to the root. */
  readonly exports: ReadonlyMap<string, string>
  /** Files that a command, a script or the package itself starts. */
  readonly entries: readonly string[]
  readonly dependencies: ReadonlySet<string>
}

export interface Repository {
  readonly root: string
  readonly files: ReadonlyMap<string, SourceFile>
  readonly manifests: readonly Manifest[]
  /** For links: folders and files of any kind. */
  exists(path: string): boolean
}

export function loadRepository(root: string): Repository {
  const files = new Map<string, SourceFile>()
  for (const path of listFiles(root, '')) {
    const text = readFileSync(join(root, path), 'utf8')
    files.set(path, sourceFile(path, text))
  }
  const manifests = [...files.keys()]
    .filter((path) => posix.basename(path) === 'package.json')
    .map((path) => manifestOf(posix.dirname(path), JSON.parse(files.get(path)!.text)))
  return { root, files, manifests, exists: (path) => existsSync(join(root, path)) }
}

export function codeFiles(repository: Repository): SourceFile[] {
  return [...repository.files.values()].filter(({ path }) => /\.(?:ts|js)$/.test(path))
}

function sourceFile(path: string, text: string): SourceFile {
  let masked: Masked | undefined
  return {
    path,
    text,
    lines: text.split('\n'),
    get masked() {
      masked ??= mask(text)
      return masked
    },
  }
}

function listFiles(root: string, folder: string): string[] {
  const found: string[] = []
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = posix.join(folder, entry.name)
    if (entry.isDirectory()) {
      if (!skippedFolders.has(entry.name)) found.push(...listFiles(root, path))
    } else if (textFile.test(`/${path}`) && statSync(join(root, path)).size < 4_000_000) {
      found.push(path)
    }
  }
  return found.sort()
}

interface ManifestText {
  readonly name?: string
  readonly exports?: Readonly<Record<string, string>>
  readonly bin?: Readonly<Record<string, string>>
  readonly scripts?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

function manifestOf(folder: string, text: ManifestText): Manifest {
  const inside = (path: string) => posix.normalize(posix.join(folder, path))
  const exports = new Map<string, string>()
  for (const [subpath, file] of Object.entries(text.exports ?? {})) {
    exports.set(subpath, inside(file))
  }
  const scripts = Object.values(text.scripts ?? {}).join(' ')
  const entries = [
    ...[...exports.values()].filter((file) => file.endsWith('.ts')),
    ...Object.values(text.bin ?? {}).map(inside),
    ...[...scripts.matchAll(/[\w./-]+\.(?:ts|js)\b/g)].map(([file]) => inside(file)),
  ]
  return {
    folder: folder === '.' ? '' : folder,
    name: text.name ?? '',
    exports,
    entries,
    dependencies: new Set([
      ...Object.keys(text.dependencies ?? {}),
      ...Object.keys(text.devDependencies ?? {}),
      ...Object.keys(text.peerDependencies ?? {}),
    ]),
  }
}

/** The path an import or a link of `from` leads to, relative to the root. */
export function resolveRelative(from: string, target: string): string {
  return posix.normalize(posix.join(dirname(from), target))
}
