/**
 * A process that logs to its standard error what it is told to over the Unix socket named in its arguments, and answers
 * there: so that a test may do with its standard error what it likes. Run with --expose-gc.
 */
import { fstatSync } from 'node:fs'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { isatty } from 'node:tty'
import { endOnSurprise } from '../../../lib/cli/supervise.ts'
import { createLog } from '../../../lib/host/log.ts'

const log = createLog({ level: 'info', format: 'json' })
endOnSurprise(log)
const control = connect(process.argv[2] ?? '')
const say = (answer: object): void => void control.write(`${JSON.stringify(answer)}\n`)
const stderr = fstatSync(2)
let said = 0

function kind(): string {
  if (isatty(2)) return 'terminal'
  return stderr.isFIFO() ? 'pipe' : stderr.isSocket() ? 'socket' : stderr.isFile() ? 'file' : 'other'
}

function heldBytes(): number {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function logLines(count: number): void {
  for (let n = 0; n < count; n += 1) {
    said += 1
    log.info('said', 'x'.repeat(500), { said })
  }
}

for await (const order of createInterface({ input: control })) {
  const [verb, count = '1'] = order.split(' ')
  if (verb === 'kind') say({ kind: kind() })
  else if (verb === 'log') {
    const before = heldBytes()
    logLines(Number(count))
    say({ said, grownBytes: heldBytes() - before })
  } else if (verb === 'warn') {
    process.emitWarning('something odd')
    setImmediate(() => say({ warned: true }))
  } else if (verb === 'throw') setImmediate(() => void Promise.reject(new Error('a surprise')))
  else if (verb === 'exit') process.exit(3)
}
