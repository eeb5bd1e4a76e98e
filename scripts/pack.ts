// `npm run pack`, after a clean build: stages each public package under .pack/ with a manifest that
// names dist instead of the sources, and makes a tarball of it in .pack/tarballs. The workspaces
// themselves stay private, so that nobody can publish a manifest whose exports name TypeScript.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type SourceManifest, stagedManifest } from './pack/manifest.ts'

const root = resolve(import.meta.dirname, '..')
const target = join(root, '.pack')
const tarballs = join(target, 'tarballs')
const packages = ['protocol', 'raft', 'actors', 'client', 'node']

rmSync(target, { recursive: true, force: true })
mkdirSync(tarballs, { recursive: true })
for (const folder of packages) {
  const staged = join(target, folder)
  stage(folder, staged)
  execFileSync('npm', ['pack', '--silent', '--pack-destination', tarballs], {
    cwd: staged,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}

function stage(folder: string, staged: string): void {
  const source = join(root, folder)
  if (!existsSync(join(source, 'dist'))) throw new Error(`${folder}/dist is missing: run tsc -b`)
  mkdirSync(staged)
  for (const part of ['dist', 'src', 'bin', 'README.md', 'SEMANTICS.md', 'DEVIATIONS.md']) {
    const filter = (path: string) => !path.endsWith('.tsbuildinfo')
    if (existsSync(join(source, part))) {
      cpSync(join(source, part), join(staged, part), { recursive: true, filter })
    }
  }
  cpSync(join(root, 'LICENSE'), join(staged, 'LICENSE'))
  const manifest: SourceManifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
  const text = JSON.stringify(stagedManifest(manifest), undefined, 2)
  writeFileSync(join(staged, 'package.json'), `${text}\n`)
}
