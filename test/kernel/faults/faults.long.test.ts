/**
 * Seeded faults: each is found by the command that an operator would ask, which says what to do; that done, pods talk and the command
 * is content. docs/faults.md is the record of it, and is compared with what is said; `npm run build:session` writes it anew.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { kernelTests } from '../../support/netns.ts'
import { API } from './support/api-faults.ts'
import { createFaultCluster } from './support/cluster.ts'
import { CLUSTER } from './support/cluster-faults.ts'
import { type Played, play } from './support/fault.ts'
import { HOST, SURROUNDINGS } from './support/host-faults.ts'
import { MESH } from './support/mesh-faults.ts'
import { type Chapter, renderSession } from './support/session.ts'
import { TABLES } from './support/table-faults.ts'

const CHAPTERS: readonly Chapter[] = [
  { title: 'What the kernel has, while no agent runs', faults: TABLES },
  { title: 'What others have set beside a running agent', faults: SURROUNDINGS },
  { title: 'Of links and settings of the host', faults: HOST },
  { title: 'Of the way between nodes', faults: MESH },
  { title: 'Of the cluster and its configuration', faults: [...CLUSTER, ...API] },
]
const DOCUMENT = path.resolve(import.meta.dirname, '../../../docs/faults.md')

test('each seeded fault is found and named, and its remedy helps', { ...kernelTests, concurrency: 4 }, async (t) => {
  const played = new Map<string, Played>()
  await Promise.all(
    CHAPTERS.map(({ title, faults }) =>
      t.test(title, async (t) => {
        const cluster = await createFaultCluster(t)
        for (const fault of faults)
          await t.test(fault.name, async () => void played.set(fault.name, await play(cluster, fault)))
      }),
    ),
  )
  if (played.size < CHAPTERS.flatMap(({ faults }) => faults).length) return
  const session = renderSession(CHAPTERS, played)
  if (process.env.VTEPD_WRITE_SESSION === '1') writeFileSync(DOCUMENT, session)
  assert.equal(session, readFileSync(DOCUMENT, 'utf8'), 'docs/faults.md is not what is said: npm run build:session')
})
