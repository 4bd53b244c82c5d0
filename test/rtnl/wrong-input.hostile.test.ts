/** `npm run test:hostile`: a million calls that no function takes. */
import test from 'node:test'
import { kernelTests } from '../support/netns.ts'
import { patience } from '../support/patience.ts'
import { hostileCalls } from './hostile-run.ts'

test('a million hostile calls send nothing to the kernel', {
  ...kernelTests,
  timeout: patience(600_000),
}, async (t) => {
  await hostileCalls(t, 1_000_000)
})
