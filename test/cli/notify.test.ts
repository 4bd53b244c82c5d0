/** A real agent tells its service manager how it is, by datagrams of its own process. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { createAgentFolder, startAgentProcess } from '../support/agent-process.ts'
import { type DatagramReceiver, receiveDatagrams, withoutPython } from '../support/datagram-receiver.ts'
import { createNetns, kernelTests } from '../support/netns.ts'

/** The messages until one matches; all come from the process `pid`. */
async function hear(receiver: DatagramReceiver, pid: number, last: RegExp): Promise<string[]> {
  const heard: string[] = []
  while (!last.test(heard.at(-1) ?? '')) {
    const datagram = await receiver.next()
    assert.equal(datagram.pid, pid)
    heard.push(datagram.text)
  }
  return heard
}

test('systemd hears that the agent runs, then each change of the overlay, then the end, from the main process', {
  skip: kernelTests.skip || withoutPython(),
}, async (t) => {
  const netns = await createNetns(t, 'notify')
  await netns.exec('ip', 'link', 'add', 'mgmt0', 'type', 'veth', 'peer', 'name', 'far0')
  for (const link of ['mgmt0', 'far0']) await netns.exec('ip', 'link', 'set', link, 'up')
  await netns.exec('ip', 'address', 'add', '192.0.2.1/24', 'dev', 'mgmt0')
  const folder = createAgentFolder({ Network: '10.42.0.0/16' })
  const socket = path.join(folder.path, 'notify')
  const receiver = await receiveDatagrams(t, socket)
  const leases = path.join(folder.path, 'leases.json')
  const flags = [...folder.flags, `--leases=${leases}`, '--iface=mgmt0']
  const agent = startAgentProcess(t, netns, 'a', flags, { NOTIFY_SOCKET: socket })

  const [first = ''] = await hear(receiver, agent.pid, /./)
  assert.match(first, /^STATUS=waiting: flannel\.1 /)
  const peer = { name: 'b', ipv4: { subnet: '10.42.1.0/24', underlay: '192.0.2.2', lladdr: '0e:00:00:00:00:02' } }
  writeFileSync(leases, JSON.stringify([{ name: 'a', ipv4: { subnet: '10.42.0.0/24' } }, peer]))
  const before = await hear(receiver, agent.pid, /^STATUS=ready: 1 peers$/m)
  const started = before.find((text) => text.includes('READY=1'))
  assert.ok(started, 'what pods need is written')
  assert.match(readFileSync(path.join(folder.path, 'subnet.env'), 'utf8'), /^FLANNEL_SUBNET=10\.42\.0\.1\/24$/m)
  await netns.exec('ip', 'link', 'delete', 'mgmt0')
  await hear(receiver, agent.pid, /^STATUS=waiting: flannel\.1 stranded \(/)
  agent.kill('SIGTERM')
  const rest = await hear(receiver, agent.pid, /STOPPING=1/)
  assert.ok(rest.every((text) => !text.includes('READY=1')))
  assert.equal(await agent.ended, 0)
})
