import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { findKubeletKubeconfigs } from '../../lib/host/kubelet-credential.ts'

/** What is found of a host with these files, as paths of that host. */
async function found(t: TestContext, files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const root = mkdtempSync(path.join(tmpdir(), 'vtepd-kubelet-'))
  t.after(() => rmSync(root, { recursive: true }))
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
    writeFileSync(path.join(root, file), text)
  }
  return (await findKubeletKubeconfigs(root)).map((file) => file.slice(root.length))
}

const kubeconfigs = (...folders: readonly string[]) =>
  Object.fromEntries(folders.map((folder) => [`${folder}/agent/kubelet.kubeconfig`, 'x']))

test('on a host that is no node nothing is found', async (t) => {
  assert.deepEqual(await found(t, {}), [])
  assert.deepEqual(await found(t, { '/etc/rancher/k3s/config.yaml': 'data-dir: /srv/k3s\n' }), [])
})

test("kubeadm's, k3s' and rke2's are found where they are by default", async (t) => {
  assert.deepEqual(await found(t, { '/etc/kubernetes/kubelet.conf': 'x' }), ['/etc/kubernetes/kubelet.conf'])
  for (const name of ['k3s', 'rke2'])
    assert.deepEqual(await found(t, kubeconfigs(`/var/lib/rancher/${name}`)), [
      `/var/lib/rancher/${name}/agent/kubelet.kubeconfig`,
    ])
})

test('the data-dir is found wherever k3s and rke2 are told it', async (t) => {
  const installed = "[Service]\nExecStart=/usr/local/bin/k3s \\\n    server \\\n\t'--data-dir' \\\n\t'/srv/k3s' \\\n\n"
  for (const [file, text] of [
    ['/etc/systemd/system/k3s.service', installed],
    ['/etc/systemd/system/k3s-agent.service', '[Service]\nExecStart=/usr/local/bin/k3s agent --data-dir=/srv/k3s\n'],
    ['/etc/systemd/system/k3s.service', 'ExecStart=/usr/local/bin/k3s server -d "/srv/k3s" --debug\n'],
    ['/etc/systemd/system/k3s.service', 'ExecStart=/usr/local/bin/k3s server "--data-dir=/srv/k3s"\n'],
    ['/etc/systemd/system/k3s.service.d/10-folder.conf', '[Service]\nEnvironment="K3S_DATA_DIR=/srv/k3s"\n'],
    ['/etc/systemd/system/k3s.service.env', 'K3S_TOKEN=x\nK3S_DATA_DIR=/srv/k3s\n'],
    ['/etc/default/k3s-agent', "K3S_DATA_DIR='/srv/k3s'\n"],
    ['/etc/rancher/k3s/config.yaml', 'token: x\ndata-dir: /srv/k3s\n'],
    ['/etc/rancher/k3s/config.yaml.d/50-folder.yaml', 'data-dir: "/srv/k3s"\n'],
    ['/usr/local/lib/systemd/system/rke2-server.env', 'RKE2_DATA_DIR=/srv/k3s\n'],
    ['/usr/lib/systemd/system/rke2-agent.service', 'ExecStart=/usr/bin/rke2 agent --data-dir /srv/k3s\n'],
    ['/etc/sysconfig/rke2-server', 'RKE2_DATA_DIR=/srv/k3s\n'],
    ['/etc/rancher/rke2/config.yaml', '---\ndata-dir: /srv/k3s # a large disk\n'],
  ] as const)
    assert.deepEqual(
      await found(t, { [file]: text, ...kubeconfigs('/srv/k3s') }),
      ['/srv/k3s/agent/kubelet.kubeconfig'],
      `${file}: ${text}`,
    )
})

test('the folder that is told comes before the default, and the last file of settings before those above it', async (t) => {
  const files = {
    '/etc/rancher/k3s/config.yaml': 'data-dir: /one\n',
    '/etc/rancher/k3s/config.yaml.d/20-a.yaml': 'data-dir: /two\n',
    '/etc/rancher/k3s/config.yaml.d/30-b.yaml': 'data-dir: /three\n',
    ...kubeconfigs('/one', '/two', '/three', '/var/lib/rancher/k3s'),
  }
  assert.deepEqual(await found(t, files), [
    '/three/agent/kubelet.kubeconfig',
    '/two/agent/kubelet.kubeconfig',
    '/one/agent/kubelet.kubeconfig',
    '/var/lib/rancher/k3s/agent/kubelet.kubeconfig',
  ])
})

test('broken settings, flags of others and folders that are not absolute name nothing', async (t) => {
  const files = {
    '/etc/rancher/k3s/config.yaml': 'data-dir: [\n',
    '/etc/rancher/rke2/config.yaml': '- data-dir\n',
    '/etc/systemd/system/k3s.service': 'ExecStart=/usr/local/bin/k3s server --data-dir relative --x-data-dir /one\n',
    '/etc/systemd/system/other.service': 'ExecStart=/usr/bin/other --data-dir /one\n',
    '/relative/agent/kubelet.kubeconfig': 'x',
    ...kubeconfigs('/one', '/var/lib/rancher/rke2'),
  }
  assert.deepEqual(await found(t, files), ['/var/lib/rancher/rke2/agent/kubelet.kubeconfig'])
})
