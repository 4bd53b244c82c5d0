/** `vtepd bugreport` as a user runs it: what is in the archive, what never is, and what becomes of parts that fail. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { openOperatorSocket } from '../../../lib/agent/window/operator-socket.ts'
import type { Manifest } from '../../../lib/cli/bugreport/collect.ts'
import { bounded, MOST_CHARACTERS, MOST_ROWS, rowsOf } from '../../../lib/cli/bugreport/part.ts'
import { createKeptLog } from '../../agent/support/log-lines.ts'
import { ENTRY } from '../../support/agent-process.ts'
import { assertDocument } from '../../support/json-schema.ts'

/** In every part, in a form of its own. */
const SECRET = 'Zx9-QwErTyUiOp_0123456789'
const ADDRESSES = ['10.42.7.23', '192.168.77.1', 'fd00:42:0:7::17', '0e:12:34:56:78:9a', 'worker-blue']
const SEEDED = `Authorization: Bearer ${SECRET}\ntoken=${SECRET}\n${ADDRESSES.map((one) => `at ${one}: x\n`).join('')}`

interface Stage {
  readonly folder: string
  run(
    ...words: readonly string[]
  ): Promise<{ readonly status: number | null; readonly stdout: Buffer; readonly stderr: string }>
}

async function createStage(t: TestContext): Promise<Stage> {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-bugreport-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const programs = path.join(folder, 'bin')
  mkdirSync(programs)
  writeFileSync(path.join(folder, 'seeded'), SEEDED)
  for (const name of ['nft', 'iptables-save', 'ip6tables-save', 'ip', 'journalctl', 'iptables', 'systemctl']) {
    writeFileSync(path.join(programs, name), `#!/bin/sh\nexec cat ${folder}/seeded\n`)
    chmodSync(path.join(programs, name), 0o755)
  }
  return {
    folder,
    async run(...words) {
      const env = { PATH: `${programs}:${process.env.PATH}`, LANG: 'C.UTF-8' }
      const child = spawn(process.execPath, [ENTRY, 'bugreport', `--run-dir=${folder}/run`, ...words], {
        cwd: folder,
        env,
      })
      const stdout: Buffer[] = []
      let stderr = ''
      child.stdout.on('data', (piece: Buffer) => stdout.push(piece))
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text
      })
      const [status] = (await once(child, 'close')) as [number | null]
      return { status, stdout: Buffer.concat(stdout), stderr }
    },
  }
}

async function openAgent(t: TestContext, { folder }: Stage): Promise<void> {
  for (const name of ['net-conf.json', 'subnet.env', 'x.conflist', 'kubeconfig'])
    writeFileSync(path.join(folder, name), SEEDED)
  const told = (name: string): { value: string; from: string } => ({ value: path.join(folder, name), from: '--x' })
  const seeded = { text: SEEDED, token: SECRET, known: ADDRESSES }
  const rows = Array.from({ length: MOST_ROWS + 7 }, () => ({ ...seeded, stands: true }))
  const flags = {
    'net-config-path': told('net-conf.json'),
    'subnet-file': told('subnet.env'),
    'cni-conf-dir': { value: folder, from: '--x' },
    'kubeconfig-file': told('kubeconfig'),
  }
  const socket = await openOperatorSocket({
    path: path.join(folder, 'run', 'flannel.1.sock'),
    answers: {
      status: () => seeded,
      diff: () => [seeded],
      config: () => ({ ...seeded, flags, nodeName: { value: 'worker-blue', from: 'NODE_NAME' } }),
      peers: () => rows.values(),
      events: () => [{ message: `opaque ${SECRET}` }, seeded],
      metrics: () => SEEDED.split('\n'),
      names: () => [{ name: 'worker-blue' }].values(),
    },
    changes: {},
    streams: {},
    log: createKeptLog(),
  })
  t.after(() => socket?.close())
}

/** By path below the only folder. */
function unpacked(archive: string): ReadonlyMap<string, string> {
  const folder = mkdtempSync(path.join(path.dirname(archive), 'unpacked-'))
  assert.equal(spawnSync('tar', ['-xzf', archive, '-C', folder]).status, 0)
  const [only = ''] = readdirSync(folder)
  const whole = path.join(folder, only)
  const files = readdirSync(whole, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return new Map(
    files.map((entry) => {
      const file = path.join(entry.parentPath, entry.name)
      return [path.relative(whole, file), readFileSync(file, 'utf8')]
    }),
  )
}

test('secrets that are in every part come out of none, addresses and names stay until they are to be replaced', async (t) => {
  const stage = await createStage(t)
  await openAgent(t, stage)
  for (const replaced of [false, true]) {
    const file = path.join(stage.folder, `report-${replaced}.tar.gz`)
    const ended = await stage.run(`--output=${file}`, ...(replaced ? ['--redact-addresses'] : []))
    assert.equal(ended.status, 0, ended.stderr)
    assert.match(ended.stderr, replaced ? /names of nodes replaced/ : /addresses and names are in it/)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    const files = unpacked(file)
    for (const [name, text] of files) {
      assert.ok(!text.includes(SECRET), `${name}\n${text.slice(0, 500)}`)
      if (replaced) for (const one of ADDRESSES) assert.ok(!text.includes(one), `${one} in ${name}`)
    }
    const seeded = [...files].filter(([, text]) => text.includes('<removed>')).map(([name]) => name)
    for (const name of [
      'agent/status.json',
      'agent/config.json',
      'agent/metrics.txt',
      'kernel/nft-ruleset.txt',
      'host/journal.txt',
      'files/net-conf.json',
      'files/subnet.env',
      'files/cni.txt',
      'host/versions.txt',
    ])
      assert.ok(seeded.includes(name), `${name}: ${JSON.stringify([...files.keys()])}`)
    assert.equal((files.get('host/journal.txt') ?? '').includes('10.42.7.23'), !replaced)
    const manifest = JSON.parse(files.get('manifest.json') ?? '') as Manifest
    assertDocument('bugreport', manifest)
    assert.equal(manifest.addressesReplaced, replaced)
    assert.equal(
      manifest.parts.find(({ name }) => name === 'agent/peers.jsonl')?.cut,
      `7 of ${MOST_ROWS + 7} rows are left out`,
    )
    assert.deepEqual(
      [...files.keys()].filter((name) => /kubeconfig/.test(name)),
      [],
    )
  }
})

test('without an agent the rest is there, and the manifest says what is not; a file is never written over', async (t) => {
  const stage = await createStage(t)
  const first = await stage.run('--json')
  assert.equal(first.status, 0, first.stderr)
  const manifest = JSON.parse(first.stdout.toString('utf8')) as Manifest
  assertDocument('bugreport', manifest)
  const failed = manifest.parts.filter(({ failed }) => failed !== null).map(({ name }) => name)
  for (const name of ['agent/status.json', 'agent/peers.jsonl', 'agent/metrics.txt'])
    assert.ok(failed.includes(name), name)
  assert.match(first.stderr, /^ {2}not agent\/status\.json, agent\/diff\.json, .*: no agent to ask: /m)
  const [made = ''] = readdirSync(stage.folder).filter((name) => name.endsWith('.tar.gz'))
  assert.match(made, /^vtepd-bugreport-\d{8}T\d{6}\.tar\.gz$/)
  assert.match(unpacked(path.join(stage.folder, made)).get('host/versions.txt') ?? '', /^vtepd \d/)

  writeFileSync(path.join(stage.folder, 'mine'), 'kept')
  const again = await stage.run('--output=mine')
  assert.equal(again.status, 1)
  assert.match(again.stderr, /mine is there already: give another one with --output/)
  assert.equal(readFileSync(path.join(stage.folder, 'mine'), 'utf8'), 'kept')
  const piped = await stage.run('--output=-')
  assert.deepEqual([...piped.stdout.subarray(0, 2)], [0x1f, 0x8b])
  assert.equal((await stage.run('--output=-', '--json')).status, 2)
})

test('what is too long is cut, and says so', () => {
  assert.deepEqual(rowsOf(['a', 'b', 'c'], 2), {
    text: 'a\nb\n# 1 of 3 rows are left out\n',
    cut: '1 of 3 rows are left out',
  })
  assert.deepEqual(rowsOf(['a'], 2), { text: 'a\n', cut: null })
  const { text, cut } = bounded({ text: 'x'.repeat(MOST_CHARACTERS + 5), cut: 'before' })
  assert.match(cut ?? '', /^before; 5 of \d+ characters are left out$/)
  assert.ok(text.endsWith('characters are left out\n'))
})
