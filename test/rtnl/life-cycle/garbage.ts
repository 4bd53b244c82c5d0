/** Opens doors and forgets them: after a collection none of their descriptors is left. Run with --expose-gc. */
import { readdirSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { openRtnl } from '../../../lib/rtnl/index.ts'

const descriptors = (): number => readdirSync('/proc/self/fd').length

// In a function of its own: a variable of this module's would keep the last one alive.
async function openMany(): Promise<number> {
  let most = 0
  for (let i = 0; i < 100; i += 1) {
    const rtnl = openRtnl()
    if (i % 2 === 0) await rtnl.dumpLinks()
    // V8 may collect some of them meanwhile.
    most = Math.max(most, descriptors())
  }
  return most
}

await openRtnl().close()
const before = descriptors()
const open = (await openMany()) - before
for (let i = 0; i < 100 && descriptors() > before; i += 1) {
  globalThis.gc?.()
  await turn()
}
// Counted first: libuv opens one for itself where standard output is a pipe.
const left = descriptors() - before
process.stdout.write(`${JSON.stringify({ open, left })}\n`)
