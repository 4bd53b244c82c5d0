/** How this very command is started once more: as an agent, as the prober, inside other namespaces. */
import path from 'node:path'

/** Half the memory of a young generation at its default: a lab starts many processes. */
const SMALL_HEAP = '--max-semi-space-size=1'

/** Program and arguments that run `vtepd ARGS` with the same Node.js, entry file and Node.js flags. */
export function ownCommand(args: readonly string[]): [string, ...string[]] {
  const [, entry] = process.argv
  if (entry === undefined) throw new Error('the lab must be started as a command: vtepd lab')
  const flags = process.execArgv.filter((flag) => flag !== SMALL_HEAP)
  return [process.execPath, SMALL_HEAP, ...flags, path.resolve(entry), ...args]
}
