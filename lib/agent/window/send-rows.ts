/**
 * A long answer, row by row as one JSON array: the event loop turns every few milliseconds, and no faster than the reader reads.
 * Must not: keep rows that are sent, nor wait for a reader for ever.
 */
import type { ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import { printableAll } from '../../util/printable.ts'

/** For which the loop is held at a time. */
const SLICE_MS = 2
/** Characters at a time. */
const PIECE = 1 << 16
/** A reader that takes nothing for so long is let go: what it reads of is kept meanwhile. */
const PATIENCE_MS = 30_000

/** `rows`: undefined is none yet. Resolves when all is sent, or the reader has gone. Rejects with what `rows` throws. */
export async function sendRows(response: ServerResponse, rows: Iterable<object | undefined>): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'application/json' })
  response.setTimeout(PATIENCE_MS, () => response.destroy())
  let text = '['
  let rest = ''
  let since = performance.now()
  for (const row of rows) {
    if (row !== undefined) {
      text += `${rest}${JSON.stringify(printableAll(row))}`
      rest = ',\n'
    }
    if (performance.now() - since < SLICE_MS && text.length < PIECE) continue
    await handOver(response, text)
    if (response.destroyed) return
    text = ''
    since = performance.now()
  }
  response.end(`${text}]\n`)
}

function handOver(response: ServerResponse, text: string): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      response.off('close', go).off('drain', go)
      setImmediate(resolve)
    }
    if (text === '' || response.write(text)) return go()
    response.on('close', go).on('drain', go)
  })
}
