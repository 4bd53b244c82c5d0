/** What is published instead of the underlay's address: as the caller says, else as our Node's annotation does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { annotationKeys } from '../../../lib/leases/annotations.ts'
import { createKubeTable } from '../../../lib/leases/kube/kube-table.ts'
import { parseIp } from '../../../lib/net/ip.ts'
import { parseLladdr } from '../../../lib/net/lladdr.ts'
import { parseVni } from '../../../lib/net/vni.ts'
import { atOnce } from '../../../lib/util/slices.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { flannelNode, PREFIX, v4Network } from '../support.ts'

const keys = annotationKeys(PREFIX)
const [SAID, ANNOTATED, OWN] = ['203.0.113.1', '203.0.113.2', '192.0.2.9'].map((text) => parseIp(text))

function published(said: boolean, annotated: boolean): unknown {
  const table = createKubeTable({
    keys,
    network: v4Network,
    ...(said && SAID !== undefined ? { publishInstead: { ipv4: SAID } } : {}),
    nodeName: () => 'us',
    clock: createManualClock(),
    onChange: () => undefined,
    onKept: () => undefined,
  })
  const plain = flannelNode('us', 1)
  const overwrite = annotated ? { [`${PREFIX}/public-ip-overwrite`]: String(ANNOTATED) } : {}
  const node = { ...plain, annotations: { ...plain.annotations, ...overwrite } }
  table.apply({ kind: 'replace', nodes: new Map([['us', table.read(node)]]), rewound: false })
  atOnce(table.settle())
  const vtep = { underlay: OWN ?? assert.fail(), lladdr: parseLladdr('0e:00:00:00:00:01') }
  const { wanted } = table.planPublish(node, { vni: parseVni(1), ipv4: vtep, ipv6: undefined }, false, new Date(0))
  table.close()
  const told = table.view().own?.publishInstead.ipv4
  assert.equal(wanted[`${PREFIX}/public-ip`], told ?? OWN)
  return told
}

test('the caller’s address goes before the annotation, that before our own', () => {
  assert.equal(published(true, true), SAID)
  assert.equal(published(true, false), SAID)
  assert.equal(published(false, true), ANNOTATED)
  assert.equal(published(false, false), undefined)
})
