/** Where checksums are left to the network card, and where they are known to become wrong there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wantedChecksum } from '../../lib/device/checksum.ts'

const GOOD = '6.1.0-18-amd64'

test('auto switches off on kernels that are known to be broken, and leaves all others as they are', () => {
  for (const kernel of [
    '3.10.0-1127.el7.x86_64',
    '4.9.300',
    '4.14.180',
    '4.18.0-305.el8.x86_64',
    '4.19.122',
    '4.20.1',
    '5.0.0',
    '5.4.40',
    '5.4.0-42-generic',
    '5.5.19',
    '5.6.12',
  ])
    assert.equal(wantedChecksum('auto', { kernel, drivers: [] })?.on, false, kernel)
  for (const kernel of [
    '4.14.181',
    '4.19.123',
    '5.4.41-rt1',
    '5.6.13',
    '5.7.0',
    '5.7-rc1',
    '5.10.223',
    '6.18.1',
    'odd',
  ])
    assert.equal(wantedChecksum('auto', { kernel, drivers: [] }), undefined, kernel)
})

test('auto switches off on vmxnet3, also below a bond, and on no other card', () => {
  assert.equal(wantedChecksum('auto', { kernel: GOOD, drivers: ['vmxnet3'] })?.on, false)
  assert.equal(wantedChecksum('auto', { kernel: GOOD, drivers: ['virtio_net', 'vmxnet3'] })?.on, false)
  for (const drivers of [[], ['virtio_net'], ['ixgbe', 'i40e'], ['mlx5_core']])
    assert.equal(wantedChecksum('auto', { kernel: GOOD, drivers }), undefined)
})

test('what a person says counts, whatever is known', () => {
  const broken = { kernel: '5.4.0', drivers: ['vmxnet3'] }
  assert.deepEqual(wantedChecksum('on', broken), { on: true, because: '--tx-checksum-offload=on' })
  assert.deepEqual(wantedChecksum('off', { kernel: GOOD, drivers: [] }), {
    on: false,
    because: '--tx-checksum-offload=off',
  })
})
