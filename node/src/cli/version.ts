// The version of this package, read from its manifest so that it stands in one place.
import { readFileSync } from 'node:fs'

const manifest = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string }

export const version: string = manifest.version
