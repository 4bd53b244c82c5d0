/**
 * `vtepd release` after a real agent on the real kernel: what stands afterwards is what flannel writes, nothing else was touched, and
 * datagrams that pass every two milliseconds notice neither the way there nor the way back.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { createAgentFolder, startAgentProcess } from '../../support/agent-process.ts'
import { kernelTests } from '../../support/netns.ts'
import { watchKernel } from '../healing/support/kernel-events.ts'
import { runRelease } from './support/run-release.ts'
import { BY_ITSELF, claim, createTwoNodes, FAMILIES, NETWORKS, plain, ROUTES } from './support/two-nodes.ts'

for (const [name, backend] of [
  ['vxlan', {}],
  ['direct', { DirectRouting: true }],
] as const)
  test(
    `${name}: to flannel's routes and back, both families, without a lost datagram or a needless write`,
    kernelTests,
    async (t) => {
      const nodes = await createTwoNodes(t)
      const { us } = nodes
      for (const family of FAMILIES) await nodes.program(family, claim(family, 1).lladdr, name === 'direct')
      const folder = createAgentFolder({ ...NETWORKS, Backend: { Type: 'vxlan', ...backend } })
      const leases = `${folder.path}/leases.json`
      const claims = [1, 2].map((number) => ({
        name: `n${number}`,
        ipv4: claim('ipv4', number),
        ipv6: claim('ipv6', number),
      }))
      writeFileSync(leases, JSON.stringify(claims))
      const start = async () => {
        const flags = [`--leases=${leases}`, '--iface=mgmt0', '--iptables-forward-rules=false']
        const agent = startAgentProcess(t, us, 'n1', [...folder.flags, ...flags])
        await agent.until('agent.ready')
        return agent
      }
      const release = (...argv: string[]) => runRelease(us, folder, argv)
      const { ours, flannels } = ROUTES[name]

      const agent = await start()
      assert.deepEqual(await nodes.routes(), ours)
      const running = release()
      assert.equal(running.status, 1)
      assert.match(
        running.stderr,
        /flannel\.1 is already kept by vtepd \(process [0-9]+\), which would write its routes again/,
      )
      agent.kill('SIGTERM')
      assert.equal(await agent.ended, 0)

      const before = await nodes.rest()
      const events = await watchKernel(us.name)
      t.after(() => events.close())
      const written = async (from: number) =>
        (await events.since(from)).filter((line) => !BY_ITSELF.test(line)).map(plain)
      const flows = await nodes.flows()
      const looked = release('--dry-run')
      assert.deepEqual([looked.status, looked.additions.length, looked.removals.length], [0, 2, 2])
      assert.deepEqual(await nodes.routes(), ours)

      const from = await events.caughtUp()
      const released = release()
      assert.deepEqual([released.status, released.failures], [0, []], released.stderr)
      assert.deepEqual([released.additions.length, released.removals.length], [2, 2])
      assert.deepEqual(await nodes.routes(), flannels)
      assert.equal(await nodes.rest(), before)
      // IPv4: one comes, one goes; IPv6: one takes the other's place.
      assert.deepEqual(await written(from), [...flannels, `Deleted ${ours[0]}`])

      const again = await events.caughtUp()
      const repeated = release()
      assert.deepEqual([repeated.status, repeated.additions, repeated.removals], [0, [], []])
      assert.deepEqual(await written(again), [])

      const back = await start()
      assert.deepEqual(await nodes.routes(), ours)
      back.kill('SIGTERM')
      await back.ended
      for (const flow of flows) {
        const { sent, lost } = await flow.finish()
        assert.ok(sent > 100, `${sent} were sent`)
        assert.equal(lost, 0, `of ${sent}`)
      }
    },
  )
