import { keyedRandom } from '@quorate/actors'
import { expect, test } from 'vitest'
import { DiskFaults } from '../../src/laboratory/processes/disk-faults.ts'

const full = 'QUORATE_DISK_FULL: the disk of the node is full'

function oneDisk() {
  const disk = {
    isFull: false,
    fill: async () => {
      disk.isFull = true
    },
    free: () => {
      disk.isFull = false
    },
  }
  return { disk, faults: new DiskFaults(new Map([['n1', disk]]), keyedRandom('disks')) }
}

test('a disk is full until the last of its faults is over', async () => {
  const { disk, faults } = oneDisk()
  const first = await faults.strike(['n1'])
  const second = await faults.strike(['n1'])
  first()
  expect(disk.isFull).toBe(true)
  second()
  expect(disk.isFull).toBe(false)
})

test('a full disk excuses a node that ends for want of room, and nothing else does', async () => {
  const { faults } = oneDisk()
  expect(faults.excuses('n1', full)).toBe(false)
  await faults.strike(['n1'])
  expect(faults.excuses('n1', full)).toBe(true)
  expect(faults.excuses('n2', full)).toBe(false)
  expect(faults.excuses('n1', 'QUORATE_STORAGE_DAMAGED: manifest')).toBe(false)
  expect(faults.excuses('n1', '')).toBe(false)
})
