/** Who writes our own Node: which credentials are taken, which are passed over, and with which words. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { KubeError } from '../../../lib/errors.ts'
import { openPublishTarget, type Publisher } from '../../../lib/leases/kube/publish-access.ts'
import { type Authority, createAuthority } from '../../kube/certificates.ts'

const NOW = new Date()
const YEAR_MS = 366 * 86_400_000

let folder = ''
let authority: Authority
before(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'vtepd-publish-'))
  authority = createAuthority(folder)
  for (const node of ['me', 'other']) authority.issue(`system:node:${node}`, at(node), 'system:nodes')
  for (const node of ['me', 'other']) writeFileSync(at(`${node}.conf`), kubeconfig(node))
  writeFileSync(at('own.conf'), kubeconfig(undefined))
  mkdirSync(at('unreadable.conf'))
  writeFileSync(at('broken.conf'), 'nonsense: [')
  writeFileSync(at('no-certificate.conf'), kubeconfig('absent'))
})
after(() => rmSync(folder, { recursive: true }))

function at(name: string): string {
  return path.join(folder, name)
}

/** As kubeadm and k3s write it: the certificate stands in a file beside. */
function kubeconfig(certificate: string | undefined): string {
  const user =
    certificate === undefined
      ? '{ token: x }'
      : `{ client-certificate: ${certificate}.crt, client-key: ${certificate}.key }`
  return `{ apiVersion: v1, kind: Config, current-context: x, contexts: [{ name: x, context: { cluster: c, user: u } }],
    clusters: [{ name: c, cluster: { server: 'https://127.0.0.1:1', certificate-authority: ca.crt } }],
    users: [{ name: u, user: ${user} }] }`
}

/** What is taken, or the error. */
async function taken(
  publisher: Exclude<Publisher, 'reader'>,
  found: readonly string[] = [],
  today = NOW,
): Promise<string> {
  const access = { kubeconfigFile: at('own.conf'), apiUrl: undefined }
  try {
    const find = async () => found.map(at)
    const { target, by } = await openPublishTarget({ access, publisher, nodeName: 'me', today, find })
    target.close()
    return by.replaceAll(`${folder}/`, '')
  } catch (error) {
    assert.ok(error instanceof KubeError, String(error))
    return error.message.replaceAll(`${folder}/`, '')
  }
}

test("the kubelet's credential is taken where it is our node's", async () => {
  assert.equal(await taken('kubelet', ['me.conf']), 'me.conf (system:node:me)')
})

test('one that cannot be used is passed over, and where none is left the own account writes and says why', async () => {
  const other = 'other.conf: is the credential of node other, not of ours, me: is NODE_NAME right?'
  for (const [file, because] of [
    ['other.conf', /^other\.conf: is the credential of node other, not of ours, me: is NODE_NAME right\?$/],
    ['own.conf', /^own\.conf: does not show that it is our node's: if it is, name it with --publish-kubeconfig$/],
    ['unreadable.conf', /^unreadable\.conf: cannot be read: EISDIR/],
    ['broken.conf', /^broken\.conf: is no kubeconfig: /],
    ['absent.conf', /^absent\.conf: does not exist yet$/],
    ['no-certificate.conf', /^no-certificate\.conf: credentials cannot be read: ENOENT/],
  ] as const) {
    const [who, words = ''] = (await taken('kubelet', [file])).split(/, as (.*)/s)
    assert.equal(who, 'own.conf')
    assert.match(words, because)
    assert.equal(await taken('kubelet', [file, 'me.conf']), 'me.conf (system:node:me)', file)
  }
  assert.ok((await taken('kubelet', ['other.conf', 'absent.conf'])).startsWith(`own.conf, as ${other}, absent.conf: `))
  assert.match(await taken('kubelet'), /^own\.conf, as no kubelet's credential was found \(--publish-kubeconfig\)$/)
})

test('one that has expired is passed over: a kubelet that runs renews it', async () => {
  const later = new Date(NOW.getTime() + YEAR_MS)
  assert.match(
    await taken('kubelet', ['me.conf'], later),
    /^own\.conf, as me\.conf: has expired at .*: its kubelet renews it$/,
  )
})

test('a file that is named is taken and no other, and what is wrong with it is the error', async () => {
  const named = (name: string, today = NOW) => taken({ kubeconfigFile: at(name) }, ['me.conf'], today)
  assert.equal(await named('me.conf'), 'me.conf (system:node:me)')
  assert.equal(await named('own.conf'), 'own.conf', 'whose it is does not show: the server decides')
  assert.match(await named('other.conf'), /^other\.conf: is the credential of node other, not of ours, me/)
  assert.match(await named('absent.conf'), /^absent\.conf: does not exist yet$/)
  assert.match(await named('unreadable.conf'), /^unreadable\.conf: cannot be read: EISDIR/)
  assert.match(await named('me.conf', new Date(NOW.getTime() + YEAR_MS)), /^me\.conf: has expired at /)
})

test('what is rotated on disk is read anew: the kubeconfig, and the certificate that it points to', async () => {
  const rotate = (name: string, to: string) => cpSync(at(to), at(name))
  rotate('kubelet.conf', 'other.conf')
  assert.match(
    await taken('kubelet', ['kubelet.conf']),
    /^own\.conf, as kubelet\.conf: is the credential of node other/,
  )
  rotate('kubelet.conf', 'no-certificate.conf')
  for (const ending of ['crt', 'key']) rotate(`absent.${ending}`, `me.${ending}`)
  assert.equal(await taken('kubelet', ['kubelet.conf']), 'kubelet.conf (system:node:me)')
  for (const ending of ['crt', 'key']) rotate(`absent.${ending}`, `other.${ending}`)
  assert.match(
    await taken('kubelet', ['kubelet.conf']),
    /^own\.conf, as kubelet\.conf: is the credential of node other/,
  )
  for (const ending of ['crt', 'key']) rmSync(at(`absent.${ending}`))
})
