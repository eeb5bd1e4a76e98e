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
export function patchSources({ name, file, find, replace }: Mutant): Patching {
  const target = pathToFileURL(resolve(repository, file)).href
  let loaded = 0
  registerHooks({
    load(url, context, nextLoad) {
      const found = nextLoad(url, context)
      if (url !== target) return found
      loaded += 1
      const text = textOf(found.source)
      const occurrences = text.split(find).length - 1
      if (occurrences !== 1) {
        throw new Error(`mutant ${name}: ${file} holds ${occurrences} times: ${find}`)
      }
      return { ...found, source: text.replace(find, () => replace) }
    },
  })
  return {
    assertLoaded: () => {
      if (loaded !== 1) throw new Error(`mutant ${name}: ${file} was loaded ${loaded} times`)
    },
  }
}

function textOf(source: string | ArrayBuffer | NodeJS.TypedArray | undefined | null): string {
  if (typeof source === 'string') return source
  if (source === undefined || source === null) throw new Error('a module without source')
  return new TextDecoder().decode(source)
}
