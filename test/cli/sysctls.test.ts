/** `vtepd sysctls`, and `vtepd cleanup --stay`: what containers of the DaemonSet run, in a network namespace. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { runProgram } from '../../lib/host/exec.ts'
import { ENTRY } from '../support/agent-process.ts'
import { createNetns, kernelTests, type Netns } from '../support/netns.ts'

function netConf(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-sysctls-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'net-conf.json')
  writeFileSync(file, '{"Network":"10.42.0.0/16","Backend":{"Type":"vxlan"}}')
  return `--net-config-path=${file}`
}
const forwarding = async (netns: Netns): Promise<string> =>
  (await netns.exec('cat', '/proc/sys/net/ipv4/ip_forward')).trim()

test('what pods need is set once, for the families of net-conf alone', kernelTests, async (t) => {
  const netns = await createNetns(t, 'sysctls')
  await netns.exec('sysctl', '-qw', 'net.ipv4.ip_forward=0', 'net.ipv6.conf.all.forwarding=0')
  const words = ['netns', 'exec', netns.name, process.execPath, ENTRY, 'sysctls', netConf(t)]
  const first = await runProgram('ip', words)
  assert.ok(first.outcome === 'exited' && first.status === 0, JSON.stringify(first))
  assert.match(first.stderr, /host\.sysctl-set\] net\.ipv4\.ip_forward was 0, set to 1/)
  assert.equal(await forwarding(netns), '1')
  assert.equal((await netns.exec('cat', '/proc/sys/net/ipv6/conf/all/forwarding')).trim(), '0')
  const again = await runProgram('ip', words)
  assert.ok(again.outcome === 'exited' && again.status === 0)
  assert.doesNotMatch(again.stderr, /ip_forward/)
})

test('where /proc/sys is read-only, forwarding that is off is named, status 1', kernelTests, async (t) => {
  const netns = await createNetns(t, 'sysctls')
  await netns.exec('sysctl', '-qw', 'net.ipv4.ip_forward=0')
  const script =
    'mount --make-rprivate / && mount --bind -o ro /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"'
  const inside = ['unshare', '--mount', 'sh', '-c', script, 'sh', process.execPath, ENTRY, 'sysctls', netConf(t)]
  const ran = await runProgram('ip', ['netns', 'exec', netns.name, ...inside])
  assert.ok(ran.outcome === 'exited' && ran.status === 1, JSON.stringify(ran))
  assert.match(ran.stderr, /^vtepd sysctls: net\.ipv4\.ip_forward is 0, and vtepd cannot set it: EROFS: sysctl -w/m)
  assert.equal(await forwarding(netns), '0')
})

test('a net-conf that is not there is status 2, with its name', async () => {
  const ran = await runProgram(process.execPath, [ENTRY, 'sysctls', '--net-config-path=/nowhere/net-conf.json'])
  assert.ok(ran.outcome === 'exited' && ran.status === 2)
  assert.match(ran.stderr, /--net-config-path: .*\/nowhere\/net-conf\.json/)
})

test('a cleanup that stays ends when it is told to, status 0', kernelTests, async (t) => {
  const netns = await createNetns(t, 'stay')
  const words = ['netns', 'exec', netns.name, process.execPath, ENTRY, 'cleanup', '--stay', netConf(t)]
  const child = spawn(
    'ip',
    [...words, '--state-dir=/nowhere', '--run-dir=/nowhere', '--subnet-file=/nowhere/subnet.env'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  t.after(() => child.kill('SIGKILL'))
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  assert.equal(said.toString(), 'nothing of vtepd is here\n')
  assert.equal(child.exitCode, null)
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [0, null])
})
