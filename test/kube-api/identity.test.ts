/** Whose credentials they are, as far as it shows. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { identityOf, nameIdentity } from '../../lib/kube-api/identity.ts'
import { createAuthority, pem } from '../kube/certificates.ts'

const tokenOf = (claims: unknown): string =>
  `Bearer e30.${Buffer.from(typeof claims === 'string' ? claims : JSON.stringify(claims)).toString('base64url')}.c2ln`
const of = (sent: unknown) => identityOf('/f', { headers: { Authorization: String(sent) } })

test("a client certificate's common name is the user, also where the key stands in the same file", (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-identity-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const { cert, key } = createAuthority(folder).issue('system:node:me', path.join(folder, 'kubelet'), 'system:nodes')
  for (const text of [pem(cert), pem(cert) + pem(key), pem(key) + pem(cert)]) {
    const identity = identityOf('/etc/kubernetes/kubelet.conf', { cert: text })
    assert.equal(nameIdentity(identity), '/etc/kubernetes/kubelet.conf (system:node:me)')
    assert.ok(Number(identity.expiresAt) > 1_700_000_000_000)
  }
})

test('the subject of a web token is the user; long-lived ones do not end', () => {
  const sub = 'system:serviceaccount:kube-system:vtepd'
  assert.deepEqual(of(tokenOf({ sub, exp: 1_800_000_000 })), { where: '/f', user: sub, expiresAt: 1_800_000_000_000 })
  assert.deepEqual(of(tokenOf({ sub })), { where: '/f', user: sub, expiresAt: undefined })
})

test('whatever else it is, the file alone is named', () => {
  for (const sent of [
    'Bearer abcdef.0123456789abcdef',
    'Basic x',
    tokenOf('no JSON'),
    tokenOf([1]),
    tokenOf({ sub: 7 }),
    tokenOf({ sub: 'a\u001b[31m\nb' }),
    tokenOf({ sub: 'x'.repeat(100_000) }),
  ])
    assert.equal(nameIdentity(of(sent)), '/f', sent.slice(0, 60))
  assert.equal(nameIdentity(identityOf('/f', { cert: 'no certificate' })), '/f')
  assert.equal(nameIdentity(identityOf('/f', {})), '/f')
})
