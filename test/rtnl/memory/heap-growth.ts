/**
 * A process of its own, as malloc is one for all: prints by how many bytes the resident part of its [heap] grew while it
 * used and freed 2 MiB blocks between small ones that stay. Argument `early`: with returnLargeBlocksEarly.
 */
import { readFileSync } from 'node:fs'
import { loadAddon } from '../../../lib/addon/addon.ts'

const LARGE = 2 << 20
const SMALL = 100_000
const ROUNDS = 8

function heapBytes(): number {
  let inHeap = false
  let kib = 0
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) inHeap = line.endsWith('[heap]')
    else if (inHeap && line.startsWith('Rss:')) kib += Number(line.split(/\s+/)[1])
  }
  return kib * 1024
}

const addon = loadAddon()
const block = (size: number): ArrayBuffer => new Uint8Array(size).fill(1).buffer
if (process.argv[2] === 'early') addon.returnLargeBlocksEarly()
// The first large block that is freed is what makes glibc keep the next ones.
addon.release(block(24 << 20))
const before = heapBytes()
const small: ArrayBuffer[] = []
const large: ArrayBuffer[] = []
for (let round = 0; round < ROUNDS; round += 1) {
  large.push(block(LARGE))
  small.push(block(SMALL))
}
for (const one of large) addon.release(one)
process.stdout.write(`${heapBytes() - before}\n`)
if (small.length !== ROUNDS) throw new Error('the small ones must stay')
