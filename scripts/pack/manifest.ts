// The manifest a package is published with, made from the one it is developed with: exports turned
// from sources to what the compiler made of them, and nothing in it that only the repository needs.

export interface SourceManifest {
  readonly private?: boolean
  readonly scripts?: unknown
  readonly devDependencies?: unknown
  readonly exports: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

export type StagedExport = string | { readonly types: string; readonly default: string }

export interface StagedManifest {
  readonly exports: Readonly<Record<string, StagedExport>>
  readonly [field: string]: unknown
}

export function stagedManifest(manifest: SourceManifest): StagedManifest {
  const { private: _private, scripts: _scripts, devDependencies: _tools, ...published } = manifest
  const exports: Record<string, StagedExport> = {}
  for (const [subpath, file] of Object.entries(manifest.exports)) {
    exports[subpath] = stagedExport(file)
  }
  return { ...published, exports }
}

function stagedExport(file: string): StagedExport {
  const stem = /^\.\/src\/(.+)\.ts$/.exec(file)?.[1]
  if (stem === undefined) return file
  return { types: `./dist/${stem}.d.ts`, default: `./dist/${stem}.js` }
}
