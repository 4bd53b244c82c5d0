import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLeasePublisher } from '../../lib/agent/lease-publisher.ts'
import type { OwnVtep } from '../../lib/cluster/view.ts'
import { KubeError } from '../../lib/errors.ts'
import type { Published } from '../../lib/leases/source.ts'
import { parseVni } from '../../lib/net/vni.ts'
import { createStandingLog } from '../../lib/util/standing-log.ts'
import { claim4, createMemoryLog } from '../leases/support.ts'
import { createManualClock, settle } from '../support/manual-clock.ts'

test('what the source puts off is not said to be published, and is asked for anew when it is time', async () => {
  const clock = createManualClock()
  const log = createMemoryLog()
  let own: OwnVtep = { vni: parseVni(1), ipv4: claim4(1), ipv6: undefined }
  const asked: (string | undefined)[] = []
  const faults: (string | undefined)[] = []
  let next: Published | 'refused' = 'refused'
  const publisher = createLeasePublisher({
    source: {
      async publish(vtep) {
        asked.push(vtep.ipv4?.underlay)
        if (next === 'refused') throw new KubeError({ request: 'patch', status: 500, reason: 'boom' })
        return next
      },
    },
    own: () => own,
    standing: createStandingLog(log, clock),
    clock,
    onChange: () => faults.push(publisher.fault),
  })
  publisher.mark()
  await settle()
  assert.deepEqual(log.lines.length, 1)
  assert.match(faults.at(-1) ?? '', /^cannot publish our lease yet: patch: 500 boom/)
  next = 'later'
  await clock.run(1000)
  // What failed is told again in a minute.
  assert.deepEqual([asked.length, log.lines.length, clock.pending], [2, 1, 1])
  next = 'accepted'
  own = { ...own, ipv4: claim4(2) }
  publisher.mark()
  await settle()
  assert.deepEqual(asked, ['192.168.0.1', '192.168.0.1', '192.168.0.2'])
  assert.match(log.lines.at(-1)?.message ?? '', /published again/)
  await publisher.stop()
})
