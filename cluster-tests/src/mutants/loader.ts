// Patches one source file while it is loaded into this process. Counts what it did, so that a patch
// which hit nothing cannot pass for a bug that was not found.
import { registerHooks } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Mutant } from './table.ts'

const repository = resolve(import.meta.dirname, '../../..')

export interface Patching {
  /** Throws unless the patched file was loaded. */
  assertLoaded(): void
}

/** To be called before anything of the product is imported. */
export function patchSources(mutant: Mutant): Patching {
  const { name, file } = mutant
  const target = pathToFileURL(resolve(repository, file)).href
  let loaded = 0
  registerHooks({
    load(url, context, nextLoad) {
      const found = nextLoad(url, context)
      if (url !== target) return found
      loaded += 1
      return { ...found, source: patchedText(mutant, textOf(found.source)) }
    },
  })
  return {
    assertLoaded: () => {
      if (loaded !== 1) throw new Error(`mutant ${name}: ${file} was loaded ${loaded} times`)
    },
  }
}

/** Throws unless the text holds exactly one place to patch. */
export function patchedText({ name, file, find, replace }: Mutant, text: string): string {
  const places = text.split(find).length - 1
  if (places !== 1) throw new Error(`mutant ${name}: ${file} holds ${places} times: ${find}`)
  return text.replace(find, () => replace)
}

function textOf(source: string | ArrayBuffer | NodeJS.TypedArray | undefined | null): string {
  if (typeof source === 'string') return source
  if (source === undefined || source === null) throw new Error('a module without source')
  return new TextDecoder().decode(source)
}
