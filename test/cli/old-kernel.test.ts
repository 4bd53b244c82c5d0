import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refuseOldKernel } from '../../lib/cli/old-kernel.ts'
import { HostError, NetlinkSocketError } from '../../lib/errors.ts'
import { createFakeKernel } from '../support/fake-kernel/index.ts'

function opening(errnoName: string) {
  return () => {
    throw new NetlinkSocketError({ op: 'open', errno: 1, errnoName })
  }
}

test('a kernel without strict dumps is refused in one sentence, with its version and the one that is needed', async () => {
  await assert.rejects(refuseOldKernel(opening('ENOPROTOOPT'), '4.19.0-27-amd64'), (error) => {
    assert.ok(error instanceof HostError)
    assert.match(error.message, /^this kernel, Linux 4\.19\.0-27-amd64, is too old: vtepd needs 5\.0 or newer/)
    assert.ok(!error.message.includes('\n'))
    return true
  })
})

test('whatever else keeps a socket from being opened is left to the agent, and what opens is closed', async () => {
  await refuseOldKernel(opening('EMFILE'))
  const rtnl = createFakeKernel().open()
  await refuseOldKernel(() => rtnl)
  await assert.rejects(rtnl.dumpLinks())
})
