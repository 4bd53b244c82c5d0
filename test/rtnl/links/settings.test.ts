/**
 * Of each attribute of each kind: whatever is given is refused by its name, or is what the message says. This finds what is taken
 * and then dropped, cut or coerced, also in a field that no other test knows.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { decodePayload, encodeMessage } from '../../../lib/netlink/message.ts'
import { flatSpec } from '../../../lib/rtnl/links/flat-spec.ts'
import * as schema from '../../../lib/rtnl/links/schema.ts'
import { changeOf, creationOf } from '../../../lib/rtnl/links/write-link.ts'
import { hostileValues, spoilt } from '../hostile-calls.ts'
import { anything, assertSaidOrRefused, type Outcome, outcome, type Path, pathsOf } from '../said-or-refused.ts'
import { CASES, numbered } from './cases.ts'

const HEADER_BYTES = 16
/** One way to give attributes of a kind. */
interface Subject {
  readonly what: string
  readonly given: object
  /** With what errors begin. */
  readonly field: string
  readonly naming: schema.Naming
  readonly rawOf: (settings: object) => schema.RawLink
}

/** Every attribute of a kind that any case of it has: as it is created in either form, and as it is changed. */
const SUBJECTS: readonly Subject[] = CASES.flatMap((one): Subject[] => {
  const { kind, key } = one
  if (key === undefined || one.given === undefined) return []
  const given = numbered(one.given, 1 as never)
  const parent = one.needsParent === true && kind !== 'vxlan' ? { parent: 1 } : {}
  const made = (spec: unknown, naming: schema.Naming) => creationOf(spec, naming).withNetns(undefined, undefined)
  const long: Subject = {
    ...{ what: one.name, given, field: `link.${key}`, naming: schema.LINK },
    rawOf: (settings) => made({ kind, ifname: 'a', ...parent, [key]: settings }, schema.LINK),
  }
  const changed: Subject = {
    ...{ what: `${one.name}, changed`, given, field: `change.${key}`, naming: schema.CHANGE },
    rawOf: (settings) => changeOf(1, { [key]: settings }),
  }
  if (kind === 'vrf') return [long]
  if (kind !== 'vxlan' && kind !== 'bridge') return [long, changed]
  const flat: Subject = {
    ...{ what: `${one.name}, flat`, given, field: kind, naming: schema.FLAT[kind] },
    rawOf: (settings) => made(flatSpec(kind, { ifname: 'a', ...settings }), schema.FLAT[kind]),
  }
  return [long, changed, flat]
})

/** What the message says of the attributes, or why there is none. */
function outcomeOf({ rawOf, naming }: Subject, settings: object): Outcome {
  return outcome(() => {
    const bytes = encodeMessage(schema.RTM_NEWLINK, 0, naming.message, rawOf(settings))
    const told = decodePayload(naming.message, bytes.subarray(HEADER_BYTES))
    return told?.value.linkinfo?.data ?? {}
  })
}

function check(subject: Subject, path: Path, value: unknown): void {
  const [settings] = spoilt([structuredClone(subject.given)], [0, ...path], value)
  assertSaidOrRefused(
    settings,
    outcomeOf(subject, settings as object),
    subject.field,
    `${subject.what}: ${path.join('.')}`,
  )
}

const PLACES = SUBJECTS.flatMap((subject) => pathsOf(subject.given).map((path) => ({ subject, path })))

test('each attribute of each kind is refused by its name, or said', () => {
  for (const { subject, path } of PLACES) for (const value of hostileValues()) check(subject, path, value)
})

test('whatever stands in an attribute, it is refused by its name, or said', () => {
  fc.assert(
    fc.property(fc.nat(PLACES.length - 1), anything, (index, value) => {
      const { subject, path } = PLACES[index] as (typeof PLACES)[number]
      check(subject, path, value)
    }),
    { numRuns: 10_000 },
  )
})

test('a field that nobody knows is refused beside each attribute, and so is half a range', () => {
  for (const { subject, path } of PLACES) {
    const before = path.slice(0, -1)
    if (typeof path.at(-1) === 'number') continue
    const [settings] = spoilt([structuredClone(subject.given)], [0, ...before, 'nobody'], 1)
    const outcome = outcomeOf(subject, settings as object)
    assert.match(
      String('error' in outcome && outcome.error),
      /^TypeError: [\w.[\]]+\.nobody: there is no such field; there are \w+(?:, \w+)*$/,
    )
  }
  const vxlan = SUBJECTS.find(({ field }) => field === 'vxlan') as Subject
  const outcome = outcomeOf(vxlan, { ...vxlan.given, portRange: { low: 1 } })
  assert.equal(String('error' in outcome && outcome.error), 'TypeError: vxlan.portRange.high: it is missing')
})
