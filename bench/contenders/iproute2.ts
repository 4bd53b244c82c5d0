/** `ip -batch` and `bridge -batch`, with our entries in our order: what a shell script could do at best. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import { type Entry, type EntryTable, unpackEntries } from '../../lib/rtnl/entries.ts'
import { joined } from '../world/batches.ts'
import type { Programmer, Work } from './contender.ts'
import { runOrThrow } from './programs.ts'

interface Run {
  readonly program: 'ip' | 'bridge'
  readonly lines: string[]
}

/** The time holds the start of the programs too: some milliseconds. */
export function iproute2(folder: string): Programmer {
  return {
    name: 'iproute2',
    growth: 'linear',
    async program(ground, work, batches) {
      const names = new Map(
        ground.families.map((family) => [ground.device(family).ifindex as number, ground.device(family).ifname]),
      )
      const runs = runsOf(joined(batches.flatMap((batch) => batch[work])), work, (ifindex) => names.get(ifindex) ?? '?')
      const files = runs.map(({ lines }, index) => {
        const file = path.join(folder, `iproute2-${index}`)
        writeFileSync(file, `${lines.join('\n')}\n`)
        return file
      })
      const started = performance.now()
      for (const [index, { program }] of runs.entries())
        await runOrThrow(program, ['-n', ground.netns.name, '-batch', files[index] ?? ''])
      return { ms: performance.now() - started }
    },
  }
}

/** A program for each stretch of entries that one program takes. */
export function runsOf(table: EntryTable, work: Work, nameOf: (ifindex: number) => string): readonly Run[] {
  const runs: Run[] = []
  const verb = work === 'delete' ? 'del' : 'replace'
  for (const entry of unpackEntries(table)) {
    const program = entry.kind === 'fdb' ? 'bridge' : 'ip'
    let last = runs.at(-1)
    if (last?.program !== program) {
      last = { program, lines: [] }
      runs.push(last)
    }
    last.lines.push(lineOf(entry, verb, nameOf))
  }
  return runs
}

function lineOf(entry: Entry, verb: 'del' | 'replace', nameOf: (ifindex: number) => string): string {
  switch (entry.kind) {
    case 'neighbour': {
      const more = verb === 'del' ? '' : ` lladdr ${entry.lladdr} nud permanent protocol ${entry.protocol}`
      return `neigh ${verb} ${entry.ip} dev ${nameOf(entry.ifindex)}${more}`
    }
    case 'fdb':
      return `fdb ${verb} ${entry.lladdr} dev ${nameOf(entry.ifindex)} dst ${entry.remote} self${verb === 'del' ? '' : ' permanent'}`
    case 'route':
      return `route ${verb} ${entry.dst} via ${entry.gateway} dev ${nameOf(entry.oif ?? 0)} onlink metric ${entry.metric} proto ${entry.protocol}`
  }
}
