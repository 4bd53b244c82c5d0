/** Encapsulations of routes: as they are given they are read again, and what cannot be said is refused by its name. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { Ip } from '../../../lib/net/ip.ts'
import { type Encap, encapAttributes, encapOf } from '../../../lib/rtnl/routes/encap.ts'
import { hostileValues, spoilt } from '../hostile-calls.ts'
import { anything, assertSaidOrRefused, outcome, type Path, pathsOf } from '../said-or-refused.ts'

const GIVEN: readonly Encap[] = [
  { type: 'ip', id: 2 ** 53 - 1, dst: '192.0.2.1' as Ip, src: '192.0.2.2' as Ip, ttl: 255, tos: 4, flags: 4 },
  { type: 'ip6', id: 7, dst: '2001:db8::1' as Ip, src: '2001:db8::2' as Ip, ttl: 1, tos: 0 },
  { type: 'mpls', labels: [1_048_575, 524_288, 16], ttl: 255 },
  { type: 'seg6', mode: 'encap', segments: ['2001:db8::1', '2001:db8::2'] as Ip[] },
  { type: 'bpf', raw: Uint8Array.of(1, 2, 3) },
]

function read(encap: unknown): Encap | undefined {
  const { encapType, encap: bytes } = encapAttributes('encap', encap as Encap)
  return encapOf(encapType, bytes)
}

function check(encap: Encap, path: Path, value: unknown): void {
  const [given] = spoilt([structuredClone(encap)], [0, ...path], value)
  assertSaidOrRefused(
    given,
    outcome(() => read(given)),
    'encap',
    `${encap.type}: ${path.join('.')}`,
  )
}

test('an encapsulation is read as it was given', () => {
  for (const encap of GIVEN) assert.deepEqual(read(encap), encap)
})

test('whatever stands in an encapsulation, it is refused by its name, or said', () => {
  const places = GIVEN.filter(({ type }) => type !== 'bpf').flatMap((encap) =>
    pathsOf(encap)
      .filter(([first]) => first !== 'type')
      .map((path) => ({ encap, path })),
  )
  for (const { encap, path } of places) for (const value of hostileValues()) check(encap, path, value)
  fc.assert(
    fc.property(fc.constantFrom(...places), anything, ({ encap, path }, value) => check(encap, path, value)),
    { numRuns: 2000 },
  )
  for (const { encap } of places) {
    const [given] = spoilt([structuredClone(encap)], [0, 'nobody'], 1)
    assert.throws(() => read(given), /^TypeError: encap\.nobody: there is no such field; there are \w+(?:, \w+)*$/)
  }
})
