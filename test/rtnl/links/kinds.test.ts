import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { LinkDetails } from '../../../lib/rtnl/links/link.ts'
import type { LinkSpec } from '../../../lib/rtnl/links/spec.ts'
import { kernelTests } from '../../support/netns.ts'
import { CASES, type KindCase, numbered } from './cases.ts'
import { createStage, ifKnown } from './support.ts'

for (const one of CASES)
  test(`${one.name} is the same whether we or ip create and read it`, kernelTests, (t) => compare(t, one))

async function compare(t: TestContext, one: KindCase): Promise<void> {
  const stage = await createStage(t)
  const { links, ip } = stage
  await links.createVeth({ ifname: 'below', peer: { ifname: 'aside' } })
  const parent = (await links.getLink('below'))?.ifindex
  assert.ok(parent !== undefined)
  const given = numbered(one.given ?? {}, parent)
  const isBelowAll = one.needsParent === true && one.kind !== 'vxlan'
  const spec = { kind: one.kind, ifname: 'ours', mtu: 1400, ...(isBelowAll ? { parent } : {}) }
  const whole = (one.key === undefined ? spec : { ...spec, [one.key]: given }) as LinkSpec
  const ours = await ifKnown(t, one.feature ?? `links of kind ${one.kind}`, () => links.createLink(whole))
  if (ours === undefined) return

  assert.equal(ours.kind, one.kind)
  assert.equal(ours.mtu, 1400)
  const attributes = attributesOf(ours, one)
  for (const [key, value] of Object.entries({ ...given, ...one.told })) assert.deepEqual(attributes[key], value, key)
  const info = ((await stage.told('ours')).linkinfo?.info_data ?? {}) as Record<string, unknown>
  for (const [key, value] of Object.entries(one.info ?? {})) assert.deepEqual(info[key], value, `ip: ${key}`)
  await links.deleteLink(ours.ifindex)
  assert.equal(await links.getLink('ours'), undefined)

  await ip(`link add theirs ${isBelowAll ? 'link below ' : ''}type ${one.ip}`)
  const theirs = await links.getLink('theirs')
  assert.ok(theirs !== undefined)
  assert.deepEqual(settled(attributesOf(theirs, one)), settled(attributes))
  assert.equal(theirs.parent, ours.parent)
}

function attributesOf(link: LinkDetails, { key }: KindCase): Record<string, unknown> {
  return key === undefined ? {} : ((link as unknown as Record<string, Record<string, unknown>>)[key] ?? {})
}

/** Without what differs from one device to the next, and by the time. */
function settled({ gcTimer, bridgeId, rootId, adInfo, ...rest }: Record<string, unknown>): object {
  return rest
}
