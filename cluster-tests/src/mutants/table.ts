// All bugs that the simulator must find. They are put in while a child process loads its modules
// (loader.ts): no product file knows of them and none is changed. Each patch must fit exactly one
// place and its file must really be loaded, else the test fails.
import type { Mutant } from './mutant.ts'
import { nodeMutants } from './node-mutants.ts'
import { raftMutants } from './raft-mutants.ts'
import { storageMutants } from './storage-mutants.ts'

export const mutants: readonly Mutant[] = [...raftMutants, ...storageMutants, ...nodeMutants]

export function mutantOf(name: string): Mutant {
  const mutant = mutants.find((each) => each.name === name)
  if (mutant === undefined) throw new Error(`no mutant ${name}`)
  return mutant
}
