import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import * as abi from '../../lib/addon/abi.ts'

const HEADER = path.resolve(import.meta.dirname, '../../native/src/napi/abi.h')

test('lib/addon/abi.ts and native/src/napi/abi.h name the same numbers with the same values', () => {
  const header = new Map(
    Array.from(readFileSync(HEADER, 'utf8').matchAll(/^inline constexpr \w+ k(\w+) = (\w+);$/gm), ([, name, value]) => [
      (name ?? '').replace(/(?<=[a-z0-9])(?=[A-Z])/g, '_').toUpperCase(),
      Number(value),
    ]),
  )
  assert.ok(header.size > 100, `${header.size} constants found`)
  assert.deepEqual(Object.fromEntries([...header].sort()), Object.fromEntries(Object.entries(abi).sort()))
})

test('the fields of each record lie one behind the other and fill it', () => {
  const filled = (size: number, ...offsets: readonly number[]): void => {
    assert.ok(offsets.every((offset, i) => offset >= 0 && offset < size && (i === 0 || offset > (offsets[i - 1] ?? 0))))
  }
  filled(abi.ENTRY_BYTES, abi.OFFSET_OP, abi.OFFSET_KIND, abi.OFFSET_FAMILY, abi.OFFSET_DST_LENGTH, abi.OFFSET_DST)
  filled(
    abi.ENTRY_BYTES,
    abi.OFFSET_PRIORITY,
    abi.OFFSET_VIA,
    abi.OFFSET_IFINDEX,
    abi.OFFSET_PROTOCOL,
    abi.OFFSET_FLAGS,
  )
  filled(
    abi.LINK_BYTES,
    abi.LINK_IFINDEX,
    abi.LINK_PORT,
    abi.LINK_IFNAME,
    abi.LINK_KIND,
    abi.LINK_LLADDR,
    abi.LINK_GROUP,
  )
  assert.deepEqual(
    [
      abi.OFFSET_FLAGS + 1,
      abi.LINK_GROUP + 16,
      abi.ADDRESS_IP + 16,
      abi.RULE_OIF + 16,
      abi.ANNOUNCE_IP + 16,
      abi.QUERY_SOURCE + 16,
      abi.RESOLVED_SOURCE + 16,
      abi.EVENT_VALUE + 4,
    ],
    [
      abi.ENTRY_BYTES,
      abi.LINK_BYTES,
      abi.ADDRESS_BYTES,
      abi.RULE_BYTES,
      abi.ANNOUNCE_BYTES,
      abi.QUERY_BYTES,
      abi.RESOLVED_BYTES,
      abi.EVENT_HEADER_BYTES,
    ],
  )
})
