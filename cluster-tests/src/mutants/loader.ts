// Patches source files while they are loaded into this process. Counts what it did, so that a patch
// which hit nothing cannot pass for a bug that was not found.
import { registerHooks } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Mutant, Patch } from './mutant.ts'

const repository = resolve(import.meta.dirname, '../../..')

export interface Patching {
  /** Throws unless each patched file was loaded. */
  assertLoaded(): void
}

/** To be called before anything of the product is imported. */
export function patchSources({ name, patches }: Pick<Mutant, 'name' | 'patches'>): Patching {
  const urlOf = (file: string) => pathToFileURL(resolve(repository, file)).href
  const loaded = new Map(patches.map(({ file }) => [file, 0]))
  registerHooks({
    load(url, context, nextLoad) {
      const found = nextLoad(url, context)
      const wanted = patches.filter(({ file }) => urlOf(file) === url)
      const [first] = wanted
      if (first === undefined) return found
      loaded.set(first.file, loaded.get(first.file)! + 1)
      return { ...found, source: patchedText(name, wanted, textOf(found.source)) }
    },
  })
  return {
    assertLoaded: () => {
      for (const [file, times] of loaded) {
        if (times !== 1) throw new Error(`mutant ${name}: ${file} was loaded ${times} times`)
      }
    },
  }
}

/** Throws unless the text holds exactly one place for each patch. */
export function patchedText(name: string, patches: readonly Patch[], text: string): string {
  return patches.reduce((patched, { file, find, replace }) => {
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
