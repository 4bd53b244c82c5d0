/** The command as a process: what it prints where, and its exit status. Few cases: the tables are tested in place. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'

const MAIN = path.resolve(import.meta.dirname, '../../lib/cli/main.ts')

interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

function vtepd(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Ran {
  const { PATH } = process.env
  const settings = { env: { PATH, ...env }, encoding: 'utf8', cwd: path.dirname(MAIN), timeout: 60_000 } as const
  return spawnSync(process.execPath, ['--import', 'tsx', MAIN, ...argv], settings)
}

/** Status 2 (or 1), nothing on stdout, one line on stderr. */
function refused(ran: Ran, status: number, says: RegExp): void {
  assert.equal(ran.status, status, ran.stderr)
  assert.equal(ran.stdout, '')
  assert.match(ran.stderr, /^vtepd: [^\n]+\n$/)
  assert.match(ran.stderr, says)
}

function netConf(t: TestContext, text: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-cli-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(path.join(folder, 'net-conf.json'), text)
  return path.join(folder, 'net-conf.json')
}

test('help and version go to stdout with status 0, however they are asked for', () => {
  const help = vtepd(['--help'])
  assert.equal(help.status, 0)
  assert.match(help.stdout, /^vtepd keeps .*\n[\s\S]*Commands:\n {2}run /)
  assert.equal(help.stderr, '')
  assert.match(vtepd(['-version']).stdout, /^vtepd \d+\.\d+\.\d+\nNode\.js [\d.]+, linux-\w+, checkout in \/.+\n$/)
  assert.match(vtepd(['--kube-subnet-mgr', '--version']).stdout, /^vtepd \d/)
  assert.match(vtepd(['help', 'cleanup']).stdout, /^Usage: vtepd cleanup/)
})

test('without arguments the help goes to stderr, status 2; an unknown command gets a suggestion', () => {
  const bare = vtepd([])
  assert.deepEqual([bare.status, bare.stdout], [2, ''])
  assert.match(bare.stderr, /Usage: vtepd/)
  refused(vtepd(['clenup']), 2, /'clenup' is not a command; did you mean cleanup\?/)
})

test("flanneld's own arguments, and its environment alone, mean run", () => {
  refused(vtepd(['-kube-subnet-mgr', '--nope']), 2, /--nope: is not a flag of vtepd run/)
  refused(vtepd([], { FLANNELD_HEALTHZ_PORT: 'x' }), 2, /FLANNELD_HEALTHZ_PORT: 'x' is not a whole number/)
})

test('a wrong configuration is one line and status 2', (t) => {
  const env = { NODE_NAME: 'a' }
  refused(
    vtepd(['run', '--leases=/nodes.json', '--net-config-path=/no/such'], env),
    2,
    /\/no\/such: does not exist; write/,
  )
  const file = netConf(t, '{"Network":"10.42.0.0/16","Backend":{"Type":"vxlan","VNI":16777216}}')
  refused(vtepd(['run', '--leases=/nodes.json', `--net-config-path=${file}`], env), 2, /Backend\.VNI.*16777216/)
})

test('a leases file that is broken when the agent starts is one line and status 2', (t) => {
  const file = netConf(t, '{"Network":"10.42.0.0/16"}')
  const leases = path.join(path.dirname(file), 'leases.yaml')
  writeFileSync(leases, '- {name: a, ipv4: {subnet: 10.42.1.0/224}}\n')
  const ran = vtepd(['run', `--leases=${leases}`, `--net-config-path=${file}`], { NODE_NAME: 'a' })
  if (/CAP_NET_ADMIN/.test(ran.stderr)) t.skip('needs CAP_NET_ADMIN')
  else refused(ran, 2, /leases\.yaml:1:\d+: \[0\]\.ipv4\.subnet: '10\.42\.1\.0\/224'/)
})

test('a folder that cannot be made is one line and status 2', { skip: notPrivileged() }, (t) => {
  const file = netConf(t, '{"Network":"10.42.0.0/16","Backend":{"Type":"vxlan"}}')
  const argv = ['run', '--leases=/nodes.json', `--net-config-path=${file}`, `--state-dir=${file}/x`]
  refused(
    vtepd([...argv, `--subnet-file=${file}/subnet.env`], { NODE_NAME: 'a' }),
    2,
    /--subnet-file: the folder .* cannot be made \(/,
  )
})

test('without CAP_NET_ADMIN run and cleanup say so in one line, status 1', { skip: missing('setpriv') }, (t) => {
  const file = netConf(t, '{"Network":"10.42.0.0/16","Backend":{"Type":"vxlan"}}')
  for (const argv of [
    ['run', '--leases=/n.json', `--net-config-path=${file}`],
    ['cleanup', '--vni=1'],
  ]) {
    const command = [
      '--bounding-set=-net_admin',
      '--inh-caps=-net_admin',
      process.execPath,
      '--import',
      'tsx',
      MAIN,
      ...argv,
    ]
    const settings = { env: { ...process.env, NODE_NAME: 'a' }, encoding: 'utf8', cwd: path.dirname(MAIN) } as const
    refused(spawnSync('setpriv', command, settings), 1, /CAP_NET_ADMIN is missing: run as root/)
  }
})

function notPrivileged(): string | false {
  return process.getuid?.() === 0 ? false : 'needs CAP_NET_ADMIN: run it through `npm test -- FILE`'
}

function missing(program: string): string | false {
  if (spawnSync(program, ['--version']).error !== undefined) return `needs the program ${program}`
  return notPrivileged()
}
