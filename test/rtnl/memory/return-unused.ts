/**
 * A process of its own: prints how many bytes of files it had resident before and after returnUnused, then what an inflated
 * text and the addon say afterwards, which needs code that is not resident any more.
 */
import { readFileSync } from 'node:fs'
import { deflateSync, inflateSync } from 'node:zlib'
import { loadAddon } from '../../../lib/addon/addon.ts'

const addon = loadAddon()
const fileBytes = (): number =>
  Number(/^RssFile:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? Number.NaN) * 1024
const packed = deflateSync('as before')
const before = fileBytes()
addon.returnUnused()
const after = fileBytes()
const { errno } = addon.sendDatagram('/nonexistent', 'x')
process.stdout.write(JSON.stringify({ before, after, text: inflateSync(packed).toString(), errno }))
