/** Who counts as a rival, from what /proc says of it; with the rights of root, of the unit and of nobody on the real one. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { findRival, type Rival, type RivalPlaces } from '../../lib/host/rival.ts'
import { createNetns, kernelTests, type Netns } from '../support/netns.ts'

const BOOT = 1_700_000_000

interface FakeProcess {
  readonly pid: number
  readonly name: string
  /** Number of its network namespace; `hidden`: it cannot be read. */
  readonly net: number | 'hidden'
  /** Seconds from the boot; undefined: cannot be read. */
  readonly started?: number
  readonly state?: string
}

/** A /proc with these processes; `self` is in the namespace net:[1]. */
function fakeProc(t: TestContext, processes: readonly FakeProcess[]): RivalPlaces {
  const proc = mkdtempSync(path.join(tmpdir(), 'vtepd-proc-'))
  t.after(() => rmSync(proc, { recursive: true }))
  const add = (entry: string, { name, net, started, state = 'S' }: Omit<FakeProcess, 'pid'>): void => {
    const folder = path.join(proc, entry)
    mkdirSync(path.join(folder, 'ns'), { recursive: true })
    writeFileSync(path.join(folder, 'comm'), `${name}\n`)
    if (net !== 'hidden') symlinkSync(`net:[${net}]`, path.join(folder, 'ns/net'))
    const between = Array.from({ length: 18 }, () => '0').join(' ')
    if (started !== undefined)
      writeFileSync(path.join(folder, 'stat'), `${entry} (${name}) ${state} ${between} ${started * 100} 1 2 3\n`)
  }
  add('self', { name: 'node', net: 1 })
  for (const one of processes) add(String(one.pid), one)
  writeFileSync(path.join(proc, 'stat'), `cpu  1 2 3\nbtime ${BOOT}\nprocesses 9\n`)
  return { proc, k3sNetConf: path.join(proc, 'net-conf.json') }
}

test('a flanneld of this network namespace is named', async (t) => {
  const places = fakeProc(t, [
    { pid: 7, name: 'bash', net: 1 },
    { pid: 812, name: 'flanneld', net: 1 },
  ])
  assert.deepEqual(await findRival(places), { name: 'flanneld (process 812)', certain: true })
})

test('a flanneld of another network namespace is nobody’s rival', async (t) => {
  assert.equal(await findRival(fakeProc(t, [{ pid: 812, name: 'flanneld', net: 2 }])), undefined)
})

test('a flanneld whose network namespace cannot be read may be here; a certain one goes before it', async (t) => {
  const places = fakeProc(t, [{ pid: 812, name: 'flanneld', net: 'hidden' }])
  const name = 'flanneld (process 812; its network namespace cannot be read)'
  assert.deepEqual(await findRival(places), { name, certain: false })
  const both = fakeProc(t, [
    { pid: 812, name: 'flanneld', net: 'hidden' },
    { pid: 813, name: 'flanneld', net: 1 },
  ])
  assert.deepEqual(await findRival(both), { name: 'flanneld (process 813)', certain: true })
})

test('a name that only looks like flanneld is another program, whatever is in it', async (t) => {
  const names = [' flanneld', 'flanneld ', '(flanneld)', 'flanneld) S 1', 'flanneld:', 'k3s-server x']
  const processes = names.map((name, n) => ({ pid: 100 + n, name, net: 1, started: 1 }))
  assert.equal(await findRival(fakeProc(t, processes)), undefined)
})

test('a flanneld that has ended and was not yet buried is no rival', async (t) => {
  assert.equal(
    await findRival(fakeProc(t, [{ pid: 812, name: 'flanneld', net: 'hidden', started: 1, state: 'Z' }])),
    undefined,
  )
})

test('a k3s is a rival only when it has written its net-conf.json itself, since it started', async (t) => {
  const places = fakeProc(t, [{ pid: 9, name: 'k3s-server', net: 1, started: 5000 }])
  assert.equal(await findRival(places), undefined)
  writeFileSync(places.k3sNetConf, '{}')
  utimesSync(places.k3sNetConf, BOOT, BOOT + 5003)
  assert.deepEqual(await findRival(places), { name: 'the flannel inside k3s-server (process 9)', certain: true })
  utimesSync(places.k3sNetConf, BOOT, BOOT + 4990)
  assert.equal(await findRival(places), undefined, 'left behind by an older k3s')
})

test('a k3s that does not show when it started may be a rival where a net-conf.json is', async (t) => {
  const places = fakeProc(t, [{ pid: 9, name: 'k3s-agent', net: 1 }])
  assert.equal(await findRival(places), undefined)
  writeFileSync(places.k3sNetConf, '{}')
  const name = 'the flannel inside k3s-agent (process 9; when it started cannot be read)'
  assert.deepEqual(await findRival(places), { name, certain: false })
})

test('a machine without /proc has no rivals to see', async () => {
  assert.equal(await findRival({ proc: '/nonexistent', k3sNetConf: '/nonexistent' }), undefined)
})

/** A process of this name in the namespace, until the test ends. */
async function startNamed(t: TestContext, netns: Netns, name: string): Promise<ChildProcess> {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-rival-'))
  t.after(() => rmSync(folder, { recursive: true }))
  copyFileSync('/bin/sh', path.join(folder, name))
  const child = spawn('ip', ['netns', 'exec', netns.name, path.join(folder, name), '-c', 'echo; read _'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child
}

const RIVAL = path.resolve(import.meta.dirname, '../../lib/host/rival.ts')
const RIGHTS: Record<string, readonly string[]> = {
  root: [],
  'the unit (CAP_NET_ADMIN and CAP_NET_RAW)': [
    'setpriv',
    '--bounding-set=-all,+net_admin,+net_raw',
    '--inh-caps=-all,+net_admin,+net_raw',
  ],
}

/** Found by a process of its own in the namespace, with these rights. */
function look(netns: Netns, rights: readonly string[], k3sNetConf: string): Rival | undefined {
  const code = `
    const { findRival } = await import(${JSON.stringify(RIVAL)})
    const places = { proc: '/proc', k3sNetConf: ${JSON.stringify(k3sNetConf)} }
    process.stdout.write(JSON.stringify((await findRival(places)) ?? null))`
  const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', code]
  const cwd = path.dirname(RIVAL)
  const { stdout, stderr } = spawnSync('ip', ['netns', 'exec', netns.name, ...rights, ...node], {
    encoding: 'utf8',
    cwd,
  })
  assert.notEqual(stdout, '', stderr)
  return JSON.parse(stdout) ?? undefined
}

for (const [who, rights] of Object.entries(RIGHTS))
  test(
    `with the rights of ${who}, a real flanneld is seen in its own network namespace and in no other`,
    kernelTests,
    async (t) => {
      const [here, elsewhere] = [await createNetns(t, 'here'), await createNetns(t, 'elsewhere')]
      const { pid } = await startNamed(t, here, 'flanneld')
      assert.deepEqual(look(here, rights, '/nonexistent'), { name: `flanneld (process ${pid})`, certain: true })
      assert.equal(look(elsewhere, rights, '/nonexistent'), undefined)
    },
  )

test('a real k3s is told by when it started, though the process was looked at long after', kernelTests, async (t) => {
  const netns = await createNetns(t, 'k3s')
  const { pid } = await startNamed(t, netns, 'k3s-server')
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-rival-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const netConf = path.join(folder, 'net-conf.json')
  writeFileSync(netConf, '{}')
  assert.deepEqual(look(netns, [], netConf), { name: `the flannel inside k3s-server (process ${pid})`, certain: true })
  const anHourAgo = Date.now() / 1000 - 3600
  utimesSync(netConf, anHourAgo, anHourAgo)
  assert.equal(look(netns, [], netConf), undefined)
})
