// Reads that go wrong once while the files are good: a start must not take them for damage of every copy.
import { expect, test } from 'vitest'
import { folder, smallOptions, TestNode } from './harness.ts'

const copies = {
  manifest: ['manifest.A', 'manifest.B'],
  identity: ['identity', 'wal/identity'],
} as const

test.each(Object.entries(copies))('%s: one wrong read of each copy', (name, files) => {
  const node = new TestNode(`wrong-reads-${name}`, smallOptions).open()
  node.append([100], 1)
  node.run(500)
  node.crash('kill')
  for (const file of files) {
    node.disk.damage.apply({ kind: 'flip-read', path: `${folder}/${file}` })
  }
  node.open()
  expect(node.log().lastIndex).toBe(1)
  expect(node.opened.damage).toEqual([])
})
