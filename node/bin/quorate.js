#!/usr/bin/env node
// Entry of the `quorate` command. Plain JavaScript that parses on old Node versions, so that
// a wrong runtime gets a sentence instead of a syntax error.
import module from 'node:module'

if (Number(process.versions.node.split('.')[0]) < 24) {
  console.error(
    `QUORATE_NODE_VERSION: this version of Node.js is too old: quorate needs 24 or newer, ` +
      `this is ${process.version} at ${process.execPath}\n` +
      'next: install Node.js 24, or run it through npm in the repository',
  )
  process.exit(1)
}
module.enableCompileCache?.()
// npm links resolve to the real path, so in the repository this is false and sources run unbuilt.
const installed = import.meta.url.includes('/node_modules/')
const { main } = await import(installed ? '../dist/cli/main.js' : '../src/cli/main.ts')
process.exitCode = await main(process.argv.slice(2))
