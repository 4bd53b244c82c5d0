/** What holds megabytes for a moment gives them back. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { loadAddon } from '../../lib/addon/addon.ts'
import { kernelTests } from '../support/netns.ts'
import { batchOf, createDevice, createStage, peerEntries } from './support.ts'

const run = promisify(execFile)
const MIB = 1 << 20
const PROGRAM = path.join(import.meta.dirname, 'memory/heap-growth.ts')
const RETURNING = path.join(import.meta.dirname, 'memory/return-unused.ts')

/** A sanitizer brings a malloc of its own, and musl's needs no telling. */
const hasOtherMalloc = (process.env.VTEPD_NATIVE_DIR ?? '') !== '' || !/\/libc\.so\.6$/m.test(mappedFiles())
const glibcTests = hasOtherMalloc ? { skip: 'malloc is not that of glibc here' } : {}

function mappedFiles(): string {
  return readFileSync('/proc/self/maps', 'utf8')
}

test('a released buffer is empty, and its memory is given back before anything is collected', () => {
  const { release } = loadAddon()
  const bytes = new Uint8Array(32 * MIB).fill(1)
  const held = process.memoryUsage().arrayBuffers
  release(bytes.buffer)
  assert.equal(bytes.length, 0)
  assert.ok(held - process.memoryUsage().arrayBuffers >= 32 * MIB)
  release(bytes.buffer)
  assert.equal(bytes.length, 0)
})

test('what is no buffer is left as it is', () => {
  const shared = new SharedArrayBuffer(8)
  for (const value of [shared, new Uint8Array(8), undefined]) loadAddon().release(value as unknown as ArrayBuffer)
  assert.equal(shared.byteLength, 8)
})

test(
  'a large batch is released after it was applied, a dump after it was read; small ones stay',
  kernelTests,
  async (t) => {
    const { rtnl } = await createStage(t)
    const ifindex = await createDevice(rtnl)
    for (const [peers, isLarge] of [
      [6000, true],
      [50, false],
      [6000, true],
    ] as const) {
      const entries = Array.from({ length: peers }, (_, i) => peerEntries(ifindex, 'ipv4', i)).flat()
      const batch = batchOf('replace', entries)
      const { failures, unknown } = await rtnl.applyEntries(batch)
      rtnl.release(batch)
      assert.deepEqual([failures.length, unknown, batch.bytes.length === 0], [0, 0, isLarge])
      const { value } = await rtnl.dumpFdb(ifindex)
      assert.equal(value.length, 6000)
      rtnl.release(value)
      assert.equal(value.bytes.length, 0)
    }
  },
)

test("a table of small Buffers, which share one of Node's, is left as it is", kernelTests, async (t) => {
  const { rtnl } = await createStage(t)
  const bytes = Buffer.from(new Uint8Array(48))
  const shared = bytes.buffer.byteLength
  assert.ok(shared > bytes.length, 'it shares')
  rtnl.release({ bytes, length: 1 })
  assert.deepEqual([bytes.length, bytes.buffer.byteLength], [48, shared])
})

test('large blocks go back to the system, which glibc does not do by itself', glibcTests, async () => {
  const grown = async (...words: string[]): Promise<number> => {
    const { stdout } = await run(process.execPath, ['--import', 'tsx', PROGRAM, ...words])
    return Number(stdout) / MIB
  }
  const early = await grown('early')
  // Now and then a block comes from another arena than the [heap], where another thread holds its lock.
  let left = 0
  for (let i = 0; i < 3 && left <= 12; i += 1) left = await grown()
  // 8 blocks of 100 kB stay in both.
  assert.ok(early < 4 && left > 12, `[heap] grew by ${early} MiB with it, by ${left} MiB without`)
})

test('code that was read goes back to the system, and is there again when it is needed', async () => {
  const { stdout } = await run(process.execPath, ['--import', 'tsx', RETURNING])
  const { before, after, text, errno } = JSON.parse(stdout)
  assert.ok(after < before / 2, `${before} bytes of files were resident, ${after} are`)
  assert.deepEqual([text, errno], ['as before', constants.errno.ENOENT])
})
