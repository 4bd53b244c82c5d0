/** The table of failures: each row decides, in its own words, and nothing is left without an answer. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLASSIFY_ROWS, classify, DEFAULT_VERDICT, type Operation, operationOf } from '../../lib/overlay/classify.ts'
import { createEntryWriter, packEntries, unpackEntries } from '../../lib/rtnl/entries.ts'
import { desiredOf } from './support/cluster.ts'

const OPERATIONS: readonly Operation[] = [
  'link.create',
  'link.change',
  'link.delete',
  'address.add',
  'address.delete',
  'neighbour.create',
  'neighbour.replace',
  'neighbour.delete',
  'fdb.create',
  'fdb.replace',
  'fdb.delete',
  'route.create',
  'route.replace',
  'route.delete',
  'dump',
]

/** What each operation and errno means, said a second time and by hand: a changed row must be changed here too. */
const MEANINGS: Readonly<Record<string, string>> = {
  'neighbour.delete ENOENT': 'done',
  'fdb.delete ENOENT': 'done',
  'route.delete ESRCH': 'done',
  'address.delete EADDRNOTAVAIL': 'done',
  'address.add EEXIST': 'done',
  'link.delete ENODEV': 'done',
  'neighbour.create EEXIST': 'done',
  'fdb.create EEXIST': 'done',
  'route.create EEXIST': 'done',
  'route.replace EEXIST': 'done',
  'neighbour.create ENODEV': 'device-gone',
  'neighbour.replace ENODEV': 'device-gone',
  'neighbour.delete ENODEV': 'device-gone',
  'fdb.create ENODEV': 'device-gone',
  'fdb.replace ENODEV': 'device-gone',
  'fdb.delete ENODEV': 'device-gone',
  'route.create ENODEV': 'device-gone',
  'route.replace ENODEV': 'device-gone',
  'route.delete ENODEV': 'device-gone',
  'address.add ENODEV': 'device-gone',
  'address.delete ENODEV': 'device-gone',
  'link.change ENODEV': 'device-gone',
  'dump ENODEV': 'device-gone',
  'link.create ENODEV': 'device-gone',
  'link.create EINVAL': 'device-gone',
  'route.create ENETDOWN': 'device-down',
  'route.replace ENETDOWN': 'device-down',
  'neighbour.create ENETDOWN': 'device-down',
  'neighbour.replace ENETDOWN': 'device-down',
  'fdb.create ENETDOWN': 'device-down',
  'fdb.replace ENETDOWN': 'device-down',
  'link.create EEXIST': 'reject',
  'link.create EAFNOSUPPORT': 'reject',
  'link.change EAFNOSUPPORT': 'reject',
  'link.create EADDRINUSE': 'reject',
  'link.change EADDRINUSE': 'reject',
  'link.create ERANGE': 'reject',
  'link.change ERANGE': 'reject',
  'link.change EEXIST': 'reject',
  'link.change EOPNOTSUPP': 'reject',
  'link.change EINVAL': 'reject',
  'link.delete EOPNOTSUPP': 'reject',
  'address.add EACCES': 'reject',
  'address.add EINVAL': 'reject',
  'address.add EADDRNOTAVAIL': 'reject',
  'address.add EOPNOTSUPP': 'reject',
  'neighbour.create EOPNOTSUPP': 'reject',
  'neighbour.replace EOPNOTSUPP': 'reject',
  'fdb.create EOPNOTSUPP': 'reject',
  'fdb.replace EOPNOTSUPP': 'reject',
  'route.create EOPNOTSUPP': 'reject',
  'route.replace EOPNOTSUPP': 'reject',
  'address.add EAFNOSUPPORT': 'reject',
  'neighbour.create EAFNOSUPPORT': 'reject',
  'neighbour.replace EAFNOSUPPORT': 'reject',
  'fdb.create EAFNOSUPPORT': 'reject',
  'fdb.replace EAFNOSUPPORT': 'reject',
  'route.create EAFNOSUPPORT': 'reject',
  'route.replace EAFNOSUPPORT': 'reject',
  'neighbour.create EINVAL': 'reject',
  'neighbour.replace EINVAL': 'reject',
  'fdb.create EINVAL': 'reject',
  'fdb.replace EINVAL': 'reject',
  'fdb.create ENOSPC': 'reject',
  'fdb.replace ENOSPC': 'reject',
  'route.create EINVAL': 'reject',
  'route.replace EINVAL': 'reject',
  'route.create EACCES': 'reject',
  'route.replace EACCES': 'reject',
  'route.create ENETUNREACH': 'retry',
  'route.replace ENETUNREACH': 'retry',
  'route.create EHOSTUNREACH': 'retry',
  'route.replace EHOSTUNREACH': 'retry',
  'any EINTR': 'retry',
  'any EAGAIN': 'retry',
  'any EBUSY': 'retry',
  'any ENOMEM': 'retry',
  'any ENOBUFS': 'retry',
  'any ETIMEDOUT': 'retry',
  'any EPERM': 'fatal',
  'link.create EOPNOTSUPP': 'fatal',
}

for (const [on, errno, verdict, evidence] of CLASSIFY_ROWS) {
  for (const operation of on === 'any' ? (['any'] as const) : on) {
    test(`${operation} that fails with ${errno} means ${verdict}: ${evidence}`, () => {
      assert.equal(MEANINGS[`${operation} ${errno}`], verdict)
      for (const one of operation === 'any' ? OPERATIONS : [operation]) assert.equal(classify(one, errno), verdict)
    })
  }
}

test('every meaning has its row, and no two rows speak of the same', () => {
  const rows = CLASSIFY_ROWS.flatMap(([on, errno]) => (on === 'any' ? ['any'] : on).map((one) => `${one} ${errno}`))
  assert.deepEqual(rows.toSorted(), Object.keys(MEANINGS).toSorted())
})

test('an errno that no row names is tried again', () => {
  assert.equal(DEFAULT_VERDICT, 'retry')
  for (const operation of OPERATIONS) assert.equal(classify(operation, 'EXFULL'), 'retry')
  assert.equal(classify('route.replace', 'errno 4711'), 'retry')
})

test('the operation of a batch entry is read from its bytes', () => {
  const { neighbours, fdb, routes } = desiredOf('ipv4', 1)
  const writer = createEntryWriter()
  writer.copy('replace', neighbours, 0)
  writer.copy('create', fdb, 0)
  writer.copy('delete', routes, 0)
  const batch = writer.finish()
  assert.deepEqual(
    [0, 1, 2].map((i) => operationOf(batch, i)),
    ['neighbour.replace', 'fdb.create', 'route.delete'],
  )
  assert.throws(() => operationOf(batch, 3), /entry 3 is no batch entry/)
  assert.throws(() => operationOf(packEntries(unpackEntries(routes)), 0), /entry 0 is no batch entry/)
})
