/** Whether CAP_NET_ADMIN is effective is read from the process' status. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { hasNetAdmin } from '../../lib/host/capabilities.ts'

test('bit 12 of CapEff decides, other sets do not', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-status-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'status')
  const rows: Record<string, boolean> = {
    '0000000000001000': true,
    '000001ffffffffff': true,
    '0000000000000000': false,
    '000001ffffffefff': false,
    '0000000000002000': false,
  }
  for (const [set, expected] of Object.entries(rows)) {
    writeFileSync(file, `Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t${set}\nCapBnd:\t000001ffffffffff\n`)
    assert.equal(hasNetAdmin(file), expected, set)
  }
})

test('a status that cannot be read leaves the answer to the kernel', () => {
  assert.equal(hasNetAdmin('/no/such/file'), true)
})
