import { defineConfig } from 'vitest/config'

const pure = (name: string) => ({
  extends: true as const,
  test: {
    name,
    include: [`${name}/test/**/*.test.ts`],
    isolate: false,
    sequence: { groupOrder: 0 },
  },
})
const io = (name: string) => ({
  extends: true as const,
  test: {
    name,
    include: [`${name}/test/**/*.test.ts`],
    exclude: [`${name}/test/process/**`, `${name}/test/plans/**`],
    pool: 'forks' as const,
    testTimeout: 30_000,
    sequence: { groupOrder: 0 },
  },
})

// Random plans fill both cores by themselves, for minutes.
const plans = {
  extends: true as const,
  test: {
    name: 'plans',
    include: ['*/test/plans/**/*.test.ts'],
    pool: 'forks' as const,
    sequence: { groupOrder: 1 },
  },
}

// Tests that start processes run after the rest and one file at a time: they measure nothing,
// but they need the machine's two cores to themselves to stay inside their deadlines.
const processes = {
  extends: true as const,
  test: {
    name: 'process',
    include: ['*/test/process/**/*.test.ts'],
    pool: 'forks' as const,
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 60_000,
    sequence: { groupOrder: 2 },
  },
}

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      pure('protocol'),
      pure('raft'),
      pure('actors'),
      io('client'),
      io('node'),
      io('cluster-tests'),
      plans,
      processes,
    ],
  },
})
