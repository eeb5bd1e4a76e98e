// Patches one source file of the core while it is loaded into this process. A patch that hits
// nothing, or a file that is not loaded, is an error: it must not pass for a bug that was not found.
import { registerHooks } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Mutant } from './table.ts'

const sources = resolve(import.meta.dirname, '../../src')

/** To be called before anything of the core is imported. Returns how often the file was loaded. */
export function patchSources(mutant: Mutant): () => number {
  const target = pathToFileURL(resolve(sources, mutant.file)).href
  let loaded = 0
  registerHooks({
    load(url, context, nextLoad) {
      const found = nextLoad(url, context)
      if (url !== target) return found
      loaded++
      return { ...found, source: patchedText(mutant, textOf(found.source)) }
    },
  })
  return () => loaded
}

/** Throws unless the text holds each place to patch exactly once. */
export function patchedText({ name, file, patches }: Mutant, text: string): string {
  return patches.reduce((patched, [find, replace]) => {
    const places = patched.split(find).length - 1
    if (places !== 1) throw new Error(`mutant ${name}: ${file} holds ${places} times: ${find}`)
    return patched.replace(find, () => replace)
  }, text)
}

function textOf(source: string | ArrayBuffer | NodeJS.TypedArray | undefined | null): string {
  if (typeof source === 'string') return source
  if (source === undefined || source === null) throw new Error('a module without source')
  return new TextDecoder().decode(source)
}
