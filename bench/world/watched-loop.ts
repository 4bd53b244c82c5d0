/**
 * How long the event loop of an agent is held: its process gets a timer every millisecond and tells, when it is asked by a signal, the
 * longest gap since it was last asked. Must not: change what the agent does.
 */
import type { BenchAgent } from './agent-process.ts'

const EVENT = 'bench.loop'

/** Less the wait for a processor in it, which the kernel counts. Stands before the entry of the agent on Node's command line. */
const PRELOADED = `
import { readFileSync } from 'node:fs'
const waited = () => Number(readFileSync('/proc/self/task/' + process.pid + '/schedstat', 'utf8').split(' ')[1]) / 1e6
let last = performance.now(), before = waited(), longest = 0
const look = () => {
  const now = performance.now(), wait = waited()
  longest = Math.max(longest, now - last - 1 - (wait - before))
  last = now
  before = wait
}
setInterval(look, 1).unref()
process.on('SIGPWR', () => {
  look()
  process.stderr.write(JSON.stringify({ event: '${EVENT}', msg: '', monotonicMs: 0, longestMs: longest }) + '\\n')
  longest = 0
})
`

export const LOOP_WATCH: readonly string[] = ['--import', `data:text/javascript,${encodeURIComponent(PRELOADED)}`]

/** Milliseconds since it was asked last. */
export async function longestHold(agent: BenchAgent): Promise<number> {
  const told = agent.until(({ event }) => event === EVENT, 'now')
  process.kill(agent.pid, 'SIGPWR')
  return Number((await told).longestMs)
}
