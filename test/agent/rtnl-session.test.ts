import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRtnlSession } from '../../lib/agent/rtnl-session.ts'
import { NetlinkError, NetlinkSocketError } from '../../lib/errors.ts'
import type { Notification, Rtnl } from '../../lib/rtnl/port.ts'
import type { Log } from '../../lib/util/log.ts'
import { createStandingLog } from '../../lib/util/standing-log.ts'
import { createFakeKernel } from '../support/fake-kernel/index.ts'
import { createManualClock } from '../support/manual-clock.ts'

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, with: () => silent }
const EIO = 5

function setUp(failures = 0) {
  const kernel = createFakeKernel()
  const clock = createManualClock()
  const heard: Notification[] = []
  let opened = 0
  const session = createRtnlSession({
    open(): Rtnl {
      opened += 1
      if (opened <= failures) throw new NetlinkSocketError({ op: 'open', errno: EIO, errnoName: 'EIO' })
      return kernel.open()
    },
    monitor: { groups: ['link'], families: ['ipv4'], onNotifications: (list) => void heard.push(...list) },
    standing: createStandingLog(silent, clock),
    clock,
  })
  return { kernel, clock, heard, session, opened: () => opened }
}

test('the first use opens the socket, and the monitor reports that nothing was heard before', async () => {
  const { session, heard, clock } = setUp()
  await session.use((rtnl) => rtnl.dumpLinks())
  await clock.run(1)
  assert.deepEqual(heard, [{ type: 'overrun' }])
  await session.close()
})

test('a refusal of the kernel keeps the socket', async () => {
  const { session, kernel, opened } = setUp()
  kernel.faults.inject({ on: 'dumpLinks', fault: { kind: 'errno', errno: 16 } })
  await assert.rejects(
    session.use((rtnl) => rtnl.dumpLinks()),
    NetlinkError,
  )
  await session.use((rtnl) => rtnl.dumpLinks())
  assert.equal(opened(), 1)
  await session.close()
})

test('a failed socket is replaced by itself, and the overrun is reported again', async () => {
  const { session, kernel, opened, heard, clock } = setUp()
  await session.use((rtnl) => rtnl.dumpLinks())
  kernel.faults.inject({ on: 'dumpLinks', fault: { kind: 'socket', errno: EIO, done: false } })
  await assert.rejects(
    session.use((rtnl) => rtnl.dumpLinks()),
    NetlinkSocketError,
  )
  await clock.run(100)
  assert.equal(opened(), 2)
  assert.equal(heard.filter(({ type }) => type === 'overrun').length, 1)
  await session.close()
})

test('a monitor that failed brings a new one', async () => {
  const { session, kernel, opened, heard, clock } = setUp()
  await session.use((rtnl) => rtnl.dumpLinks())
  await clock.run(1)
  kernel.failMonitors()
  await clock.run(100)
  assert.equal(opened(), 2)
  kernel.admin.addNic('eth0')
  await clock.run(1)
  assert.ok(heard.some((notification) => notification.type === 'link' && notification.link.ifname === 'eth0'))
  await session.close()
})

test('a socket that cannot be opened is tried again without being asked', async () => {
  const { session, opened, heard, clock } = setUp(3)
  await assert.rejects(
    session.use((rtnl) => rtnl.dumpLinks()),
    NetlinkSocketError,
  )
  await clock.run(1000)
  assert.equal(opened(), 4)
  assert.deepEqual(heard, [{ type: 'overrun' }])
  await session.close()
})

test('a closed session opens nothing and leaves no timer', async () => {
  const { session, opened, clock } = setUp()
  await session.close()
  await assert.rejects(
    session.use((rtnl) => rtnl.dumpLinks()),
    NetlinkSocketError,
  )
  assert.equal(opened(), 0)
  assert.equal(clock.pending, 0)
})
