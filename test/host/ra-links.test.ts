/** Which links live by router advertisements, from what a kernel 6.18 has in /proc/net/ipv6_route. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { linksWithAdvertisedRoutes } from '../../lib/host/ra-links.ts'

const ADVERTISED = `20010db8000700000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 004c0001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe80000000000000ec3380fffe53935f 00000400 00000001 00000000 00450003     eth0
`
const OTHERS = `fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth1
fe80000000000000cc2d2ffffe8f7e8c 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001     eth1
00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001       lo
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
`

test('a default route and a prefix by advertisement name their link once; other routes name none', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-ra-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'ipv6_route')
  for (const [text, links] of [
    [OTHERS, []],
    [`${OTHERS}${ADVERTISED}`, ['eth0']],
    ['', []],
    ['nonsense\n', []],
  ] as const) {
    writeFileSync(file, text)
    assert.deepEqual(await linksWithAdvertisedRoutes(file), links)
  }
  assert.deepEqual(await linksWithAdvertisedRoutes(path.join(folder, 'missing')), [])
})
