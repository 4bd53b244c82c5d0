/**
 * Who is asked what it holds: `vtepd run` on each Node, the archive's own, the real flanneld. Must not: start or measure them.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { FLANNELD, withoutFlanneld } from '../../test/support/flanneld.ts'
import { NODE_FLAGS } from '../world/agent-process.ts'

export interface Contender {
  readonly name: string
  readonly kind: 'vtepd' | 'flanneld'
  /** Before `run`, or before the flags of flanneld. */
  readonly command: readonly string[]
}

const ENTRY = path.resolve(import.meta.dirname, '../../dist/bin/vtepd.js')

/** `nodes`: major versions, which are fetched from npm, or paths; `archive`: of build:archive, unpacked into `folder`. */
export function findContenders(wish: {
  readonly nodes: readonly string[]
  readonly archive: string | undefined
  readonly folder: string
  note(text: string): void
}): readonly Contender[] {
  const found: Contender[] = []
  for (const node of wish.nodes.length === 0 ? [process.execPath] : wish.nodes) {
    const program = nodeProgram(node)
    const version = execFileSync(program, ['--version'], { encoding: 'utf8' }).trim()
    found.push({ name: `vtepd, Node ${version.slice(1)}`, kind: 'vtepd', command: [program, ...NODE_FLAGS, ENTRY] })
  }
  if (wish.archive !== undefined)
    found.push({ name: 'vtepd, archive', kind: 'vtepd', command: [unpack(wish.archive, wish.folder)] })
  const missing = withoutFlanneld()
  if (missing === false) found.push({ name: path.basename(FLANNELD), kind: 'flanneld', command: [FLANNELD] })
  else wish.note(`flanneld is left out, it ${missing}`)
  return found
}

function nodeProgram(wanted: string): string {
  if (!/^\d+$/.test(wanted)) return path.resolve(wanted)
  const script = path.resolve(import.meta.dirname, '../../scripts/release/node-binaries.mjs')
  return execFileSync(process.execPath, [script, wanted], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim()
}

function unpack(archive: string, folder: string): string {
  execFileSync('tar', ['-xf', path.resolve(archive), '-C', folder])
  const launcher = readdirSync(folder)
    .map((name) => path.join(folder, name, 'bin/vtepd'))
    .find((file) => existsSync(file))
  if (launcher === undefined) throw new Error(`${archive} holds no bin/vtepd`)
  return launcher
}
