/** Drivers behind links, on folders as sysfs has them. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { nicDrivers } from '../../lib/host/nic-drivers.ts'

test('the drivers of a link and of all below it are named once each', async (t) => {
  const net = mkdtempSync(path.join(tmpdir(), 'vtepd-sysfs-'))
  t.after(() => rmSync(net, { recursive: true }))
  const link = (name: string, driver: string | undefined, ...lower: readonly string[]): void => {
    mkdirSync(path.join(net, name, 'device'), { recursive: true })
    if (driver !== undefined)
      symlinkSync(`../../../bus/pci/drivers/${driver}`, path.join(net, name, 'device', 'driver'))
    for (const below of lower) mkdirSync(path.join(net, name, `lower_${below}`))
  }
  link('eth0', 'vmxnet3')
  link('eth1', 'vmxnet3')
  link('eth2', 'ixgbe')
  link('bond0', undefined, 'eth0', 'eth1', 'eth2')
  link('bond0.7', undefined, 'bond0')
  link('loop0', undefined, 'loop0')
  assert.deepEqual((await nicDrivers('bond0.7', net)).toSorted(), ['ixgbe', 'vmxnet3'])
  assert.deepEqual(await nicDrivers('eth2', net), ['ixgbe'])
  assert.deepEqual(await nicDrivers('loop0', net), [])
  assert.deepEqual(await nicDrivers('gone0', net), [])
})
