/** pyroute2's IPRoute, where it is installed: a call an entry, with our entries in our order. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { runProgram } from '../../lib/host/exec.ts'
import { type Entry, unpackEntries } from '../../lib/rtnl/entries.ts'
import { joined } from '../world/batches.ts'
import type { Programmer } from './contender.ts'
import { runTimed } from './programs.ts'

const SCRIPT = path.resolve(import.meta.dirname, 'with-pyroute2.py')

/** Debian's packages are for the second, which need not be the first. */
const PYTHONS = ['python3', '/usr/bin/python3']

/** The Python that has pyroute2; undefined: none. */
export async function findPython(): Promise<string | undefined> {
  for (const python of PYTHONS) {
    const result = await runProgram(python, ['-c', 'import pyroute2'])
    if (result.outcome === 'exited' && result.status === 0) return python
  }
  return undefined
}

export const WITHOUT_PYROUTE2 = 'pyroute2 is left out: no python3 here has it (Debian: python3-pyroute2)'

export function pyroute2(folder: string, python: string): Programmer {
  return {
    name: 'pyroute2',
    growth: 'linear',
    async program({ netns }, work, batches) {
      const file = path.join(folder, 'pyroute2.json')
      const calls = unpackEntries(joined(batches.flatMap((batch) => batch[work]))).map((entry) =>
        callOf(entry, work === 'delete' ? 'del' : 'replace'),
      )
      writeFileSync(file, JSON.stringify(calls))
      const { timing } = await runTimed('nsenter', [`--net=${netns.path}`, python, SCRIPT, file])
      return timing
    },
  }
}

/** Method of IPRoute, verb, keyword arguments. */
export function callOf(
  entry: Entry,
  verb: 'del' | 'replace',
): readonly [string, string, Readonly<Record<string, unknown>>] {
  switch (entry.kind) {
    case 'neighbour':
      return ['neigh', verb, { dst: entry.ip, lladdr: entry.lladdr, ifindex: entry.ifindex, state: entry.state }]
    case 'fdb':
      return [
        'fdb',
        verb,
        { lladdr: entry.lladdr, dst: entry.remote, ifindex: entry.ifindex, state: entry.state, flags: entry.flags },
      ]
    case 'route': {
      const { dst, gateway, oif, metric, protocol } = entry
      // RTNH_F_ONLINK.
      return ['route', verb, { dst, gateway, oif, priority: metric, proto: protocol, flags: verb === 'del' ? 0 : 4 }]
    }
  }
}
