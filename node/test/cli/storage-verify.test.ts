import { describe, expect, test } from 'vitest'
import { verificationText } from '../../src/cli/storage-verify.ts'
import type { Verification } from '../../src/storage/verify.ts'

const found: Verification = {
  nodeId: 'n1',
  clean: false,
  ranges: [
    { kind: 'secret', file: '/data/n1/secret', from: 0, to: 65, state: 'good' },
    {
      kind: 'segment',
      file: '/data/n1/groups/5-0.7/seg-0000000000000001',
      from: 4096,
      to: 5000,
      state: 'damaged',
      group: '5-0',
      replicaId: 7,
      firstIndex: 1,
      lastIndex: 3,
      detail: 'entry header',
    },
  ],
  groups: [
    {
      group: '5-0',
      replicaId: 7,
      state: 'damaged',
      firstIndex: 1,
      lastIndex: 90,
      damagedEntries: 3,
    },
  ],
}

describe('what storage verify prints', () => {
  test('as a table: a line per range, a line per replica, and the verdict', () => {
    expect(verificationText(found, '/data/n1', 'table').split('\n')).toEqual([
      expect.stringMatching(/^STATE +KIND +GROUP +REPLICA-ID +FROM +TO +FIRST-INDEX/),
      expect.stringMatching(/^good +secret +- +- +0 +65 +- +- +secret +-$/),
      expect.stringMatching(
        /^damaged +segment +5-0 +7 +4096 +5000 +1 +3 +groups\/5-0.7\/seg-0+1 +entry header$/,
      ),
      '',
      expect.stringMatching(/^GROUP +REPLICA-ID +STATE/),
      expect.stringMatching(/^5-0 +7 +damaged +1 +90 +3$/),
      '',
      'DAMAGE FOUND',
      '',
    ])
    const clean = { ...found, clean: true, ranges: [], groups: [] }
    expect(verificationText(clean, '/data/n1', 'table')).toBe('no damage found\n')
  })

  test('as JSON lines: one object per range and per replica, as one document with json', () => {
    const lines = verificationText(found, '/data/n1', 'jsonl').trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line).type)).toEqual(['file', 'file', 'group'])
    expect(JSON.parse(lines[1]!)).toMatchObject({ state: 'damaged', firstIndex: 1, lastIndex: 3 })
    expect(JSON.parse(verificationText(found, '/data/n1', 'json'))).toMatchObject({
      nodeId: 'n1',
      clean: false,
      files: [{ file: 'secret' }, { group: '5-0' }],
      groups: [{ damagedEntries: 3 }],
    })
  })
})
