/** A real agent whose standard error is full from the beginning: it comes up, answers, heals and ends all the same. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readSync, writeFileSync, writeSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { becomesTrue } from '../../lib/lab/waiting.ts'
import { createAgentFolder, ENTRY } from '../support/agent-process.ts'
import { createNetns, kernelTests } from '../support/netns.ts'
import { patience } from '../support/patience.ts'

const PATIENCE_MS = patience(30_000)
const LEASES = [
  { name: 'a', ipv4: { subnet: '10.42.0.0/24' } },
  { name: 'b', ipv4: { subnet: '10.42.1.0/24', underlay: '192.0.2.2', lladdr: '0e:00:00:00:00:02' } },
]

/** A pipe into which not one byte more goes. */
function fullPipe(name: string): { reading: number; writing: number } {
  assert.equal(spawnSync('mkfifo', [name]).status, 0)
  const reading = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK)
  const filling = openSync(name, constants.O_WRONLY | constants.O_NONBLOCK)
  for (const size of [4096, 1])
    try {
      while (writeSync(filling, Buffer.alloc(size, '.')) > 0);
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN')
    }
  closeSync(filling)
  return { reading, writing: openSync(name, constants.O_WRONLY) }
}

function readAll(fd: number): string {
  const room = Buffer.alloc(1 << 16)
  let text = ''
  try {
    for (let length = readSync(fd, room); length > 0; length = readSync(fd, room))
      text += room.toString('utf8', 0, length)
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN')
  }
  return text
}

test(
  'an agent whose standard error nobody reads works, answers /readyz, heals, and ends with its status',
  kernelTests,
  async (t) => {
    const netns = await createNetns(t, 'unread')
    await netns.exec('ip', 'link', 'add', 'mgmt0', 'type', 'veth', 'peer', 'name', 'far0')
    for (const link of ['mgmt0', 'far0']) await netns.exec('ip', 'link', 'set', link, 'up')
    await netns.exec('ip', 'address', 'add', '192.0.2.1/24', 'dev', 'mgmt0')
    const folder = createAgentFolder({ Network: '10.42.0.0/16' })
    const leases = path.join(folder.path, 'leases.json')
    writeFileSync(leases, JSON.stringify(LEASES))
    const { reading, writing } = fullPipe(path.join(folder.path, 'stderr'))
    t.after(() => closeSync(reading))
    const flags = [...folder.flags, `--leases=${leases}`, '--iface=mgmt0', '--healthz-port=8081', '--log-level=debug']
    const agent = spawn('ip', ['netns', 'exec', netns.name, process.execPath, ENTRY, 'run', ...flags], {
      env: { ...process.env, NODE_NAME: 'a' },
      stdio: ['ignore', 'ignore', writing],
    })
    closeSync(writing)
    t.after(() => agent.kill('SIGKILL'))
    const ended = once(agent, 'exit')

    const isReady = async (): Promise<boolean> => {
      const ask = 'fetch("http://127.0.0.1:8081/readyz").then(({ ok }) => console.log(ok), () => console.log(false))'
      return (await netns.exec(process.execPath, '-e', ask)) === 'true\n'
    }
    const index = async (): Promise<string> => {
      const text = await netns.exec('ip', '-o', 'link', 'show').catch(() => '')
      return /^(\d+): flannel\.1:/m.exec(text)?.[1] ?? ''
    }
    assert.ok(await becomesTrue(isReady, PATIENCE_MS), 'ready')
    const before = await index()
    await netns.exec('ip', 'link', 'delete', 'flannel.1')
    assert.ok(await becomesTrue(async () => !['', before].includes(await index()), PATIENCE_MS), 'made again')
    assert.ok(await becomesTrue(isReady, PATIENCE_MS), 'ready again')

    let said = ''
    const heard = (): boolean => {
      said += readAll(reading)
      return said.split('"agent.ready"').length > 2
    }
    assert.ok(await becomesTrue(heard, PATIENCE_MS), said.slice(-1000))
    assert.match(said, /^\.+\{.*"run\.start"/)
    agent.kill('SIGTERM')
    assert.deepEqual(await ended, [0, null])
    assert.match(readAll(reading), /Exiting cleanly/)
  },
)
