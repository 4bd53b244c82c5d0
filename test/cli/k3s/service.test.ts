/** How k3s is started, read from the units and scripts that installers and people write. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findServices } from '../../../lib/cli/k3s/service.ts'
import { readAssignments, splitWords } from '../../../lib/cli/k3s/words.ts'
import { hostTree, INSTALLED_UNIT } from './fixture.ts'

test('words are split as shells and systemd quote them', () => {
  assert.deepEqual(splitWords(`a 'b c' "d e" f\\ g  'it'\\''s' "x\\"y" ''`), [
    'a',
    'b c',
    'd e',
    'f g',
    "it's",
    'x"y',
    '',
  ])
  assert.deepEqual(splitWords('  '), [])
})

test('an environment file has values in any quotes, comments, and lines that are none', () => {
  const text = '# K3S_A=1\nK3S_B=\'b c\'\nexport K3S_C="d"\nnonsense\nK3S_D=e f\n; K3S_E=1\nK3S_F=\n'
  assert.deepEqual(
    [...readAssignments(text)],
    [
      ['K3S_B', 'b c'],
      ['K3S_C', 'd'],
      ['K3S_D', 'e f'],
      ['K3S_F', ''],
    ],
  )
})

test("the installer's unit gives the command line of INSTALL_K3S_EXEC and the variables of its file", (t) => {
  const files = hostTree(t, {
    '/etc/systemd/system/k3s.service': INSTALLED_UNIT('server', '--flannel-backend', 'none', "--node-label=it's"),
    '/etc/systemd/system/k3s.service.env': "K3S_TOKEN='secret'\nK3S_NODE_NAME=one\n",
  })
  const [service, ...others] = findServices(files)
  assert.deepEqual(service?.words, ['server', '--flannel-backend', 'none', "--node-label=it's"])
  assert.deepEqual(service?.env.get('K3S_NODE_NAME'), {
    value: 'one',
    from: '/etc/systemd/system/k3s.service.env',
  })
  assert.equal(service?.from, '/etc/systemd/system/k3s.service')
  assert.deepEqual(others, [])
})

test('drop-ins go over the unit, in the order of their names, and empty assignments begin anew', (t) => {
  const files = hostTree(t, {
    '/usr/lib/systemd/system/k3s.service':
      '[Service]\nEnvironment=K3S_A=1 "K3S_B=2 3"\nExecStart=/usr/bin/k3s server\n[Install]\nEnvironment=K3S_C=no\n',
    '/etc/systemd/system/k3s.service.d/20-exec.conf': `[Service]\nExecStart=\nExecStart=/usr/bin/k3s server $K3S_ARGS --node-ip \${K3S_B}\n`,
    '/etc/systemd/system/k3s.service.d/10-env.conf': '[Service]\nEnvironment="K3S_ARGS=--flannel-iface eth1"\n',
    '/usr/lib/systemd/system/k3s.service.d/10-env.conf': '[Service]\nEnvironment=K3S_ARGS=hidden\n',
  })
  const [service] = findServices(files)
  assert.deepEqual(service?.words, ['server', '--flannel-iface', 'eth1', '--node-ip', '2 3'])
  assert.equal(service?.from, '/etc/systemd/system/k3s.service.d/20-exec.conf')
  assert.deepEqual([...(service?.env.keys() ?? [])], ['K3S_A', 'K3S_B', 'K3S_ARGS'])
})

test('a unit that was named at installation is found, and one that does something else is not', (t) => {
  const files = hostTree(t, {
    '/etc/systemd/system/k3s-edge.service': INSTALLED_UNIT('agent', '--server', 'https://a:6443'),
    '/etc/systemd/system/k3s-backup.service': '[Service]\nExecStart=/usr/local/bin/k3s etcd-snapshot save\n',
    '/etc/systemd/system/other.service': INSTALLED_UNIT('server'),
  })
  assert.deepEqual(
    findServices(files).map(({ name, words }) => [name, ...words]),
    [['k3s-edge', 'agent', '--server', 'https://a:6443']],
  )
})

test('k3s is found behind a shell, a path of its own, and flags before its command', (t) => {
  const starts = (line: string) => {
    const unit = `[Service]\nExecStart=${line}\n`
    return findServices(hostTree(t, { '/etc/systemd/system/k3s.service': unit }))[0]?.words
  }
  const words = ['server', '--flannel-backend=none']
  assert.deepEqual(starts('/nix/store/abc-k3s-1.32/bin/k3s server --flannel-backend=none'), words)
  assert.deepEqual(starts("-/bin/sh -c 'exec /usr/local/bin/k3s server --flannel-backend=none'"), words)
  assert.deepEqual(starts('@/usr/bin/env k3s --debug server --flannel-backend=none'), words)
  assert.equal(starts('/usr/local/bin/k3s-backup server'), undefined)
  assert.equal(starts('/usr/local/bin/k3s etcd-snapshot save'), undefined)
})

test("OpenRC's script and its environment are read too", (t) => {
  const files = hostTree(t, {
    '/etc/init.d/k3s':
      '#!/sbin/openrc-run\ncommand="/usr/local/bin/k3s"\ncommand_args="server \\\n\t\'--flannel-iface\' \\\n\t\'eth1\' \\\n    >>/var/log/k3s.log 2>&1"\n',
    '/etc/rancher/k3s/k3s.env': "K3S_NODE_NAME='alpine'\n",
  })
  const [service] = findServices(files)
  assert.deepEqual(service?.words, ['server', '--flannel-iface', 'eth1'])
  assert.equal(service?.env.get('K3S_NODE_NAME')?.value, 'alpine')
})
