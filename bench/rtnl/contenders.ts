/**
 * Who takes part in the suite `rtnl`, each in a process of its own: C, this package, pyroute2, and iproute2's JSON read by Node.
 * Must not: choose sizes or compare.
 */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { ENTRY_BYTES } from '../../lib/addon/abi.ts'
import type { EntryTable } from '../../lib/rtnl/entries.ts'
import { unpackEntries } from '../../lib/rtnl/entries.ts'
import { compilePrograms } from '../../test/support/compile-programs.ts'
import { LIMIT } from '../contenders/c-loops.ts'
import { runsOf } from '../contenders/iproute2.ts'
import { type Counted, compileLimit, runTimed } from '../contenders/programs.ts'
import { callOf, findPython, WITHOUT_PYROUTE2 } from '../contenders/pyroute2.ts'
import type { SuiteContext } from '../frame/suite.ts'

export const TABLES = ['routes', 'links', 'neighbours', 'fdb'] as const
export type Table = (typeof TABLES)[number]

/** Where the work is done. */
export interface Place {
  /** /run/netns/NAME. */
  readonly netns: string
  readonly device: { readonly ifindex: number; readonly ifname: string }
}

export interface Reader {
  readonly name: string
  /** Those that it reads. */
  readonly tables: readonly Table[]
  read(table: Table, place: Place): Promise<Counted>
}

export interface Writer {
  readonly name: string
  /** Writes what is needed before the time counts; `count` of the result: how many entries were refused. */
  prepare(entries: EntryTable, place: Place): () => Promise<Counted>
}

export interface Contenders {
  readonly readers: readonly Reader[]
  readonly writers: readonly Writer[]
}

const ROOT = path.resolve(import.meta.dirname, '../..')
// Two levels below the root, where the loader of the addon expects to stand.
const COMPILED = path.join(ROOT, 'build-native/bench')
const PYTHON_SCRIPT = path.join(import.meta.dirname, 'with-pyroute2.py')

const PACKED_TABLES = TABLES.filter((table) => table !== 'links')

/** In the order in which the table shows them. */
export async function findContenders({ folder, note }: SuiteContext): Promise<Contenders> {
  const values = await compileLimit(folder, 'values')
  const entries = await compileLimit(folder, 'entries')
  const python = await findPython()
  if (python === undefined) note(WITHOUT_PYROUTE2)
  const child = await compileChild()
  return {
    readers: [
      {
        name: LIMIT,
        tables: TABLES,
        read: (table, { netns, device }) => runTimed(values, [table, netns, ...linkOf(table, device.ifindex)]),
      },
      ofNode(child, 'vtepd, packed', 'packed', PACKED_TABLES),
      ofNode(child, 'vtepd, values', 'values', TABLES),
      ofNode(child, 'vtepd, all fields', 'whole', TABLES),
      ofNode(child, 'iproute2 + JSON.parse', 'iproute2', TABLES),
      ...(python === undefined ? [] : [pyroute2Reader(python)]),
    ],
    writers: [
      {
        name: LIMIT,
        prepare: (batch, { netns }) => {
          const file = save(folder, 'batch.packed', packedBytes(batch))
          return () => runTimed(entries, ['batch', netns, file])
        },
      },
      ...(['packed', 'values'] as const).map((way) => ({
        name: `vtepd, ${way}`,
        prepare: (batch: EntryTable, { netns }: Place) => {
          const file = save(folder, 'batch.packed', packedBytes(batch))
          return () => runTimed(process.execPath, [child, way, 'write', file, netns])
        },
      })),
      iproute2Writer(child, folder),
      ...(python === undefined ? [] : [pyroute2Writer(python, folder)]),
    ],
  }
}

function linkOf(table: Table, ifindex: number): readonly string[] {
  return table === 'neighbours' || table === 'fdb' ? [String(ifindex)] : []
}

function ofNode(child: string, name: string, way: string, tables: readonly Table[]): Reader {
  return {
    name,
    tables,
    read: (table, { netns, device }) =>
      runTimed(process.execPath, [child, way, 'read', table, netns, String(device.ifindex)]),
  }
}

function pyroute2Reader(python: string): Reader {
  return {
    name: 'pyroute2',
    tables: TABLES,
    read: (table, { netns }) => runTimed('nsenter', [`--net=${netns}`, python, PYTHON_SCRIPT, 'read', table]),
  }
}

function pyroute2Writer(python: string, folder: string): Writer {
  return {
    name: 'pyroute2',
    prepare(batch, { netns }) {
      const calls = unpackEntries(batch).map((entry) => callOf(entry, 'replace'))
      const file = save(folder, 'calls.json', JSON.stringify(calls))
      return () => runTimed('nsenter', [`--net=${netns}`, python, PYTHON_SCRIPT, 'write', file])
    },
  }
}

/** A batch is of one kind, so of one program. */
function iproute2Writer(child: string, folder: string): Writer {
  return {
    name: 'iproute2',
    prepare(batch, { netns, device }) {
      const [run] = runsOf(batch, 'cold', () => device.ifname)
      if (run === undefined) throw new Error('iproute2: there is nothing to write')
      const file = save(folder, `${run.program}.batch`, `${run.lines.join('\n')}\n`)
      return () => runTimed(process.execPath, [child, 'iproute2', 'write', file, netns])
    },
  }
}

function save(folder: string, name: string, content: Uint8Array | string): string {
  const file = path.join(folder, name)
  writeFileSync(file, content)
  return file
}

function packedBytes({ bytes, length }: EntryTable): Uint8Array {
  return bytes.subarray(0, length * ENTRY_BYTES)
}

/** As a program would be that imports the package: a loader of TypeScript would count as its memory. */
async function compileChild(): Promise<string> {
  await compilePrograms([path.join(import.meta.dirname, 'child.ts')], COMPILED)
  return path.join(COMPILED, 'child.mjs')
}
