// `node --test`: the program that is meant for production, under 50 lists of faults. The seed is fixed
// so that each run of a suite is the same; without it every run looks elsewhere.
import { chaosTest } from 'quorate/testing'
import { idempotentBilling } from './handlers.ts'
import { chargesOnce } from './scenario.ts'

chaosTest('each order is charged once', chargesOnce(idempotentBilling), { seed: 1 })
