/**
 * vtepd's lease source on both API servers, with every kind of credentials, and through their rotation on disk: what is new is used
 * by the next connection, without a restart, and until then nothing vanishes.
 */
import assert from 'node:assert/strict'
import { chmodSync, cpSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { NODES, onBothServers } from './servers.ts'
import { createLeases, type Followed, follow, isSynced, temporaryFolder } from './source-client.ts'

onBothServers((contract) => {
  /** A kubeconfig whose CA is a file, with these words about the user. */
  const kubeconfigWith = (ca: string, user: string): string =>
    [
      'apiVersion: v1',
      'kind: Config',
      `clusters: [{ name: c, cluster: { server: "${contract.server.url}", certificate-authority: "${ca}" } }]`,
      `users: [{ name: u, user: ${user} }]`,
      'contexts: [{ name: x, context: { cluster: c, user: u } }]',
      'current-context: x',
      '',
    ].join('\n')
  const restart = async (): Promise<void> => {
    await contract.server.stop()
    await contract.server.start()
  }
  /** While `refused` is said, the view stays; `mend` makes the next tries succeed, and what changed meanwhile is seen. */
  const outlive = async (followed: Followed, refused: RegExp, mend: () => void): Promise<void> => {
    await followed.hurry(() => refused.test(followed.source.stale ?? ''), `${refused}`)
    assert.deepEqual(followed.peers(), ['node-2'])
    await createLeases(contract, 3, 3)
    mend()
    await followed.hurry(() => followed.peers().join() === 'node-2,node-3', 'what happened meanwhile')
    assert.ok(isSynced(followed.source))
    assert.ok(!followed.history.slice(1).includes(0), `never without peers: ${followed.history}`)
  }
  /** A copy, as on another machine: it changes when the test says so. */
  const copyOfCa = (folder: string): string => {
    const ca = path.join(folder, 'ca.crt')
    cpSync(contract.server.caFile, ca)
    return ca
  }
  const program = (t: TestContext, says: () => string): string => {
    const file = path.join(temporaryFolder(t), 'credentials')
    writeFileSync(file, `#!/bin/sh\ncat <<'END'\n${says()}\nEND\n`)
    chmodSync(file, 0o755)
    return file
  }

  test('a token file that is rotated on disk', async (t) => {
    const folder = temporaryFolder(t)
    const tokenFile = path.join(folder, 'token')
    writeFileSync(tokenFile, contract.server.token('vtepd'))
    await createLeases(contract, 1, 2)
    const kubeconfig = kubeconfigWith(contract.server.caFile, `{ tokenFile: "${tokenFile}" }`)
    const followed = await follow(t, contract, { kubeconfig })
    contract.server.setToken('vtepd', 'the-next-token')
    await restart()
    await outlive(followed, /401 Unauthorized/, () => writeFileSync(tokenFile, 'the-next-token\n'))
  })

  test('client certificate and CA that are rotated on disk', async (t) => {
    const folder = temporaryFolder(t)
    const ca = copyOfCa(folder)
    const base = path.join(folder, 'client')
    contract.server.issue('vtepd', base)
    await createLeases(contract, 1, 2)
    const user = `{ client-certificate: "${base}.crt", client-key: "${base}.key" }`
    const followed = await follow(t, contract, { kubeconfig: kubeconfigWith(ca, user) })
    contract.server.renewAuthority()
    await restart()
    await outlive(followed, /certificate|signature/, () => {
      cpSync(contract.server.caFile, ca)
      contract.server.issue('vtepd', base)
    })
  })

  test('the rights of a client certificate are those of its common name', async (t) => {
    const base = path.join(temporaryFolder(t), 'client')
    contract.server.issue('nobody', base)
    const user = `{ client-certificate: "${base}.crt", client-key: "${base}.key" }`
    const kubeconfig = kubeconfigWith(contract.server.caFile, user)
    const { source, until } = await follow(t, contract, { kubeconfig, synced: false })
    await until(() => /User "nobody" cannot get/.test(source.stale ?? ''), `403, got ${source.stale}`)
  })

  test('an exec plugin is asked, and asked again when its token is not accepted any more', async (t) => {
    const credential = (): string =>
      JSON.stringify({
        apiVersion: 'client.authentication.k8s.io/v1',
        kind: 'ExecCredential',
        status: { token: contract.server.token('vtepd') },
      })
    const file = program(t, credential)
    const user = `{ exec: { apiVersion: client.authentication.k8s.io/v1, command: "${file}", interactiveMode: Never } }`
    await createLeases(contract, 1, 2)
    const followed = await follow(t, contract, { kubeconfig: kubeconfigWith(contract.server.caFile, user) })
    contract.server.setToken('vtepd', 'the-token-of-the-plugin')
    await restart()
    await outlive(followed, /401 Unauthorized/, () => cpSync(program(t, credential), file))
  })

  test('after a change of authority, who has the old CA does not believe the server, who has an old certificate is 401', async (t) => {
    await createLeases(contract, 1, 2)
    const folder = temporaryFolder(t)
    const [ca, base] = [copyOfCa(folder), path.join(folder, 'client')]
    contract.server.issue('vtepd', base)
    contract.server.renewAuthority()
    await restart()
    const user = `{ client-certificate: "${base}.crt", client-key: "${base}.key" }`
    for (const [kubeconfig, expected] of [
      [kubeconfigWith(ca, `{ token: ${contract.server.token('vtepd')} }`), /certificate|signature/],
      [kubeconfigWith(contract.server.caFile, user), /401 Unauthorized/],
    ] as const) {
      const { source, until } = await follow(t, contract, { kubeconfig, synced: false })
      await until(() => expected.test(source.stale ?? ''), `${expected}`)
      assert.equal(source.view().peers.size, 0)
    }
    assert.ok(await contract.must('GET', NODES), 'while who trusts the new one is answered')
  })
})
