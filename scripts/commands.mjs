// Writes docs/commands.txt: the help of every command, from the one list of them; `--check` writes nothing and ends with 1 when the
// document is not as it would be. Run with `node --import tsx`.
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { COMMANDS } from '../lib/cli/command-list.ts'
import { renderFlagHelp } from '../lib/cli/flag-help.ts'
import { renderHelp } from '../lib/cli/help.ts'

const WIDTH = 80
const file = path.resolve(import.meta.dirname, '../docs/commands.txt')

const described = await Promise.all(COMMANDS.map(async (entry) => ({ ...entry, ...(await entry.describe()) })))
const sections = described.map(({ name, flags, about }) =>
  section(`vtepd ${name}`, renderFlagHelp(flags, about, WIDTH)),
)
const text = `What vtepd help and vtepd help COMMAND say; npm run build:commands writes this.

${[section('vtepd', renderHelp(WIDTH)), ...sections].join('\n')}`

if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') === text) process.exit(0)
  process.stderr.write('docs/commands.txt is not what the commands say: npm run build:commands\n')
  process.exit(1)
}
writeFileSync(file, text)

function section(title, help) {
  return `${title}\n${'='.repeat(title.length)}\n\n${help}`
}
