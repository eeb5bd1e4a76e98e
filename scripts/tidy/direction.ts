// Who may import whom. Arrows point from what users see to what decides, never back, and product
// code never reaches for simulated parts.
import { type Finding, finding } from './finding.ts'
import { type Import, importsOf, targetOf } from './imports.ts'
import { codeFiles, type Manifest, type Repository, type SourceFile } from './repository.ts'

const everything = [
  '@quorate/protocol',
  '@quorate/raft',
  '@quorate/actors',
  '@quorate/client',
  'quorate',
]

/** The first rule whose pattern fits a file says which of our packages it may import. */
const mayImport: readonly { readonly files: RegExp; readonly packages: readonly string[] }[] = [
  { files: /^raft\/examples\//, packages: ['@quorate/raft'] },
  { files: /^(?:protocol|raft|actors)\//, packages: [] },
  { files: /^client\//, packages: ['@quorate/protocol', '@quorate/actors'] },
  { files: /^node\/(?:src\/cli|src\/testing|src\/laboratory|test)\//, packages: everything },
  { files: /^node\//, packages: ['@quorate/protocol', '@quorate/raft', '@quorate/actors'] },
  { files: /^cluster-tests\//, packages: everything },
  { files: /^bench\//, packages: [...everything, '@quorate/cluster-tests'] },
  { files: /^examples\//, packages: ['@quorate/client', 'quorate/testing'] },
]
const product = /^(?:protocol|raft|actors|client|node)\/src\//
const testing = /^(?:[\w-]+\/src\/testing|node\/src\/(?:simulation|laboratory))\//
/** Simulated parts themselves, and the commands that run them. */
const mayTest = new RegExp(`${testing.source}|^node/src/cli/(?:program-)?chaos`)

export function checkDirection(repository: Repository): Finding[] {
  return codeFiles(repository).flatMap((file) =>
    importsOf(file).flatMap((use) => {
      const message = use.specifier.startsWith('.')
        ? relativeProblem(repository, file, use)
        : packageProblem(repository, file, use)
      return message === undefined ? [] : [finding('direction', file.path, message, use.line)]
    }),
  )
}

function relativeProblem(
  repository: Repository,
  { path }: SourceFile,
  { specifier }: Import,
): string | undefined {
  const target = targetOf(repository, path, specifier)
  if (target === undefined) return undefined
  if (!repository.files.has(target)) return `'${specifier}' is no file`
  if (workspaceOf(path) !== workspaceOf(target) && !target.startsWith('scripts/')) {
    return `'${specifier}' leaves the package; import it by its name`
  }
  return testingProblem(path, target)
}

function packageProblem(
  repository: Repository,
  { path }: SourceFile,
  { specifier }: Import,
): string | undefined {
  if (specifier.startsWith('node:')) return undefined
  const owner = packageOf(specifier)
  const manifest = repository.manifests.find(({ name }) => name === owner)
  if (manifest === undefined || workspaceOf(path) === 'scripts') {
    return dependencyProblem(repository, path, owner)
  }
  const rule = mayImport.find(({ files }) => files.test(path))
  if (rule === undefined) return undefined
  if (!rule.packages.includes(owner) && !rule.packages.includes(specifier)) {
    const allowed = rule.packages.length === 0 ? 'nothing of ours' : rule.packages.join(', ')
    return `'${specifier}' is not allowed here; this folder may import ${allowed}`
  }
  const target = targetOf(repository, path, specifier)
  if (target === undefined) return `'${specifier}' is not exported by ${owner}`
  return testingProblem(path, target) ?? dependencyProblem(repository, path, owner)
}

function testingProblem(path: string, target: string): string | undefined {
  if (!product.test(path) || mayTest.test(path) || !testing.test(target)) return undefined
  return `product code must not import ${target}`
}

function dependencyProblem(repository: Repository, path: string, name: string): string | undefined {
  const own = repository.manifests.filter(({ folder }) => folder !== '' && isIn(path, folder))
  const root = repository.manifests.filter(({ folder }) => folder === '')
  const declared = /\/src\//.test(path) ? own : [...own, ...root]
  const isDeclared = (manifest: Manifest) =>
    manifest.dependencies.has(name) || manifest.name === name
  if (declared.some(isDeclared)) return undefined
  return `'${name}' is not in the dependencies of this package`
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/')
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? specifier)
}

function workspaceOf(path: string): string {
  const parts = path.split('/')
  return parts[0] === 'examples' ? parts.slice(0, 2).join('/') : (parts[0] ?? '')
}

function isIn(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`)
}
