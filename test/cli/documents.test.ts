/** The documents and files of deployment that go with the command: nothing in them that the command does not know. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { CLEANUP_ABOUT, CLEANUP_FLAGS } from '../../lib/cli/cleanup/flags.ts'
import { CNI_ABOUT, CNI_FLAGS } from '../../lib/cli/cni/flags.ts'
import { COMMANDS as COMMAND_LIST } from '../../lib/cli/command-list.ts'
import type { FlagSpec } from '../../lib/cli/flag-spec.ts'
import { flagVariable } from '../../lib/cli/go-args.ts'
import { MIRROR_ABOUT, MIRROR_FLAGS } from '../../lib/cli/mirror-flags.ts'
import { parseFlags } from '../../lib/cli/parse-flags.ts'
import { RELEASE_ABOUT, RELEASE_FLAGS } from '../../lib/cli/release/flags.ts'
import { RUN_ABOUT, RUN_FLAGS } from '../../lib/cli/run-flags.ts'
import { SYSCTLS_ABOUT, SYSCTLS_FLAGS } from '../../lib/cli/sysctls-flags.ts'

const read = (name: string): string => readFileSync(path.resolve(import.meta.dirname, '../..', name), 'utf8')
const unit = read('deploy/vtepd.service')

/** Each command with its flags; what stands behind its name is a word that comes first. */
const COMMANDS = {
  run: { table: RUN_FLAGS, about: RUN_ABOUT },
  cni: { table: CNI_FLAGS, about: CNI_ABOUT },
  sysctls: { table: SYSCTLS_FLAGS, about: SYSCTLS_ABOUT },
  mirror: { table: MIRROR_FLAGS, about: MIRROR_ABOUT },
  release: { table: RELEASE_FLAGS, about: RELEASE_ABOUT },
  cleanup: { table: CLEANUP_FLAGS, about: CLEANUP_ABOUT },
} as const

/** Documents in which commands and variables are written down. */
const GUIDES = ['install', 'migrating', 'operations', 'errors', 'k3s', 'config-file', 'cni', 'packet-filter'].map(
  (name) => `docs/${name}.md`,
)

test('docs/flags.md has each flag with its default, and no other flag', () => {
  const sections = new Map(
    [...read('docs/flags.md').matchAll(/^# Flags of `vtepd (\w+)`([\s\S]*?)(?=^# |$(?![\s\S]))/gm)].map(
      ([, name = '', text = '']) => [name, text],
    ),
  )
  assert.deepEqual([...sections.keys()].sort(), Object.keys(COMMANDS).sort())
  for (const [name, { table }] of Object.entries(COMMANDS)) {
    const text = sections.get(name) ?? ''
    const known = new Map<string, FlagSpec>(table.map((spec) => [spec.name, spec]))
    for (const spec of table) assert.ok(text.includes(`\`--${spec.name}\``), `--${spec.name} is missing`)
    for (const [, name = ''] of text.matchAll(/`--([a-z][\w-]*)`/g))
      assert.ok(known.has(name), `--${name} does not exist`)
    for (const [, name = '', shown = ''] of text.matchAll(/^\| `--([\w-]+)`[^|,]*\| ([^|]*?) ?\|/gm)) {
      const spec = known.get(name)
      const value = spec === undefined || spec.kind === 'strings' ? '' : String(spec.default)
      const said = shown.replaceAll('`', '')
      const expected = value === '' || name === 'version' ? said : value
      assert.equal(said, expected, `default of --${name}`)
    }
  }
})

test('docs/errors.md explains each code of lib/errors.ts, and no other', () => {
  const codes = [...read('lib/errors.ts').matchAll(/readonly code = '(ERR_VTEPD_\w+)'/g)].map(([, code = '']) => code)
  const [text = ''] = read('docs/errors.md').split(/^# What the log says$/m)
  const sections = text.split(/^## /m).slice(1)
  assert.deepEqual(sections.map((section) => section.split('\n', 1)[0]).sort(), [...codes].sort())
  for (const section of sections) assert.match(section, /\*\*What it means\.\*\*[\s\S]*\*\*What to do\.\*\*/)
})

test('docs/errors.md explains each exit status that the help of a command names, and no other', async () => {
  const named = new Set<string>()
  for (const { name, describe } of COMMAND_LIST) {
    const [, said] = /Exit status: ([\s\S]*?)(?:\n\n|$)/.exec((await describe()).about.footer) ?? []
    if (said === undefined) continue
    const statuses = [...said.matchAll(/(?:^|[,;] |or )(\d)\b/g)].map(([, status = '']) => status)
    assert.ok(statuses.includes('0'), `${name}: ${said}`)
    for (const status of statuses) named.add(status)
  }
  const explained = [...read('docs/errors.md').matchAll(/^\| (\d) \|/gm)].map(([, status = '']) => status)
  assert.deepEqual(explained, [...named].sort())
})

test('the commands in the documents and in the help use flags that exist', () => {
  const help = Object.values(COMMANDS).map(({ about }) => about.footer)
  for (const text of [...GUIDES.map(read), ...help])
    for (const [line, command = '', rest = ''] of text.matchAll(
      /\bvtepd (run|mirror|release|cleanup|cni(?= (?:install|check)))(?: (?:install|check))?((?: --?[\w-]+(?:[ =][\w./]+)?)+)/g,
    )) {
      const { table, about } = COMMANDS[command as keyof typeof COMMANDS]
      assert.doesNotThrow(() => parseFlags(table, rest.trim().split(/\s+/), {}, about), line)
    }
})

test('variables in the documents and the unit are those of flags', () => {
  const variables = new Set(RUN_FLAGS.map(({ name }) => flagVariable(name)))
  for (const name of [...GUIDES, 'docs/flags.md', 'deploy/vtepd.service'])
    for (const [variable] of read(name).matchAll(/FLANNELD_[A-Z0-9_]+/g))
      assert.ok(variables.has(variable), `${name}: ${variable}`)
})

test('the unit starts the built command with flags that exist, as systemd is told, with two capabilities', () => {
  const [, memory, entry, rest = ''] = /^ExecStart=\/usr\/bin\/env node (\S+) (\S+) run(.*)$/m.exec(unit) ?? []
  assert.equal(memory, '--max-semi-space-size=1')
  assert.ok(entry?.endsWith(`/node_modules/vtepd/${JSON.parse(read('package.json')).bin.vtepd}`))
  assert.doesNotThrow(() => parseFlags(RUN_FLAGS, rest.trim().split(/\s+/), {}, RUN_ABOUT))
  for (const line of [
    'Type=notify',
    'NotifyAccess=main',
    'Restart=always',
    'RuntimeDirectoryPreserve=yes',
    'TimeoutStartSec=60',
  ])
    assert.ok(unit.includes(`\n${line}\n`), line)
  assert.match(unit, /^CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW$/m)
})

test('systemd accepts the unit', { skip: withoutSystemdAnalyze() }, (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-unit-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'vtepd.service')
  writeFileSync(file, unit)
  const { stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' })
  assert.deepEqual(
    stderr.split('\n').filter((line) => line.includes('vtepd.service')),
    [],
  )
})

test('the unit is as closed as systemd measures it: 2.6 at most', { skip: withoutSystemdAnalyze() }, () => {
  const file = path.resolve(import.meta.dirname, '../../deploy/vtepd.service')
  const { stdout } = spawnSync('systemd-analyze', ['security', '--offline=yes', '--no-pager', file], {
    encoding: 'utf8',
  })
  const [, exposure] = /Overall exposure level for vtepd\.service: ([0-9.]+)/.exec(stdout) ?? []
  assert.ok(Number(exposure) <= 2.6, stdout.slice(-200))
})

test('the manifest for hosts grants reading Nodes and nothing more', () => {
  const objects = parseAllDocuments(read('deploy/rbac-host.yaml')).map((document) => document.toJS())
  assert.deepEqual(
    objects.map(({ kind }) => kind),
    ['ServiceAccount', 'Secret', 'ClusterRole', 'ClusterRoleBinding'],
  )
  assert.deepEqual(rightsOf(objects[2]), ['nodes get list watch'])
  assert.equal(objects[1].metadata.annotations['kubernetes.io/service-account.name'], objects[0].metadata.name)
  assert.deepEqual(objects[3].subjects, [{ kind: 'ServiceAccount', name: 'vtepd', namespace: 'kube-system' }])
})

test('the manifest for pods has no token of its own, and grants a patch of nodes/status and Events beside reading Nodes', () => {
  const objects = parseAllDocuments(read('deploy/rbac-daemonset.yaml')).map((document) => document.toJS())
  assert.deepEqual(
    objects.map(({ kind }) => kind),
    ['ServiceAccount', 'ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'],
  )
  assert.deepEqual(rightsOf(objects[1]), ['nodes get list watch', 'nodes/status patch'])
  assert.deepEqual(rightsOf(objects[3]), ['events create patch'])
  for (const binding of [objects[2], objects[4]])
    assert.deepEqual(binding.subjects, [{ kind: 'ServiceAccount', name: 'vtepd-node', namespace: 'kube-system' }])
})

function rightsOf({ rules }: { rules: { resources: string[]; verbs: string[] }[] }): string[] {
  return rules.map(({ resources, verbs }) => [...resources, ...verbs].join(' '))
}

function withoutSystemdAnalyze(): string | false {
  return spawnSync('systemd-analyze', ['--version']).error === undefined ? false : 'needs the program systemd-analyze'
}
