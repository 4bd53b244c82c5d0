/**
 * Seeded faults: each is found by the command that an operator would ask, which says what to do; that done, pods talk and the command
 * is content.
 */
import { test } from 'node:test'
import { kernelTests } from '../../support/netns.ts'
import { createFaultCluster } from './support/cluster.ts'
import { play } from './support/fault.ts'
import { CLUSTER, SURROUNDINGS, TABLES } from './support/faults.ts'

const GROUPS = [
  ['what the kernel has, while no agent runs', TABLES],
  ['what others have set beside a running agent', SURROUNDINGS],
  ['of the cluster and its configuration', CLUSTER],
] as const

test('each seeded fault is found and named, and its remedy helps', { ...kernelTests, concurrency: 3 }, async (t) => {
  await Promise.all(
    GROUPS.map(([title, faults]) =>
      t.test(title, async (t) => {
        const cluster = await createFaultCluster(t)
        for (const fault of faults) await t.test(fault.name, async () => void (await play(cluster, fault)))
      }),
    ),
  )
})
