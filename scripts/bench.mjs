// Runs the benchmarks inside private namespaces: `npm run bench -- [SUITE…] [its arguments]` (bench/main.ts), or a program
// of its own, bench/NAME.ts, with its arguments.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { inNamespaces } from './namespaces.mjs'

const root = path.resolve(import.meta.dirname, '..')
const words = process.argv.slice(2)
const own = path.join(root, 'bench', `${words[0]}.ts`)
const isOwn = /^[a-z-]+$/.test(words[0] ?? '') && words[0] !== 'main' && existsSync(own)
const program = isOwn ? [own, ...words.slice(1)] : [path.join(root, 'bench/main.ts'), ...words]
const command = inNamespaces([process.execPath, '--import', 'tsx', ...program])
if (command === undefined) {
  process.stderr.write('bench: needs private namespaces: unshare or ip is missing or refused here\n')
  process.exit(1)
}
const { status } = spawnSync(command[0], command.slice(1), { cwd: root, stdio: 'inherit' })
process.exitCode = status ?? 1
