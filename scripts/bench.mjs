// Runs one benchmark, bench/NAME.ts, inside private namespaces: `npm run bench -- NAME [its arguments]`.
// Without a name it lists them.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { inNamespaces } from './namespaces.mjs'

const root = path.resolve(import.meta.dirname, '..')
const [name, ...words] = process.argv.slice(2)
const file = path.join(root, 'bench', `${name}.ts`)

if (name === undefined || !existsSync(file)) {
  const names = readdirSync(path.join(root, 'bench')).filter((entry) => entry.endsWith('.ts'))
  process.stderr.write(
    `npm run bench -- NAME, with NAME one of: ${names.map((entry) => entry.slice(0, -3)).join(', ')}\n`,
  )
  process.exit(2)
}
const command = inNamespaces([process.execPath, '--import', 'tsx', file, ...words])
if (command === undefined) {
  process.stderr.write('bench: needs private namespaces: unshare or ip is missing or refused here\n')
  process.exit(1)
}
const { status } = spawnSync(command[0], command.slice(1), { cwd: root, stdio: 'inherit' })
process.exitCode = status ?? 1
