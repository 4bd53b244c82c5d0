/**
 * The unit as it is shipped, under a real systemd: when it counts as started, what systemd is told, what its rights are
 * good for.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { createAuthority, pem } from '../kube/certificates.ts'
import { readSource } from '../support/source-files.ts'
import { type Systemd, startSystemd, systemdTests } from '../support/systemd.ts'

const UNIT = readSource('deploy/vtepd.service').text
const SETTINGS = `[Service]
Environment=PATH=${path.dirname(process.execPath)}:/usr/bin:/bin
Environment=FLANNELD_LEASES=/run/test/leases.json FLANNELD_NET_CONFIG_PATH=/run/test/net-conf.json FLANNELD_IFACE=mgmt0
StandardError=append:/run/test/log
`
const LEASES = [
  { name: 'worker1', ipv4: { subnet: '10.42.0.0/24' } },
  { name: 'worker2', ipv4: { subnet: '10.42.1.0/24', underlay: '192.0.2.2', lladdr: '0e:00:00:00:00:02' } },
]
const BEFORE_BOOT = `echo worker1 > /etc/hostname
ip link set lo up
ip link add mgmt0 type veth peer name far0
ip link set far0 up
ip link set mgmt0 up
ip address add 192.0.2.1/24 dev mgmt0
echo '{"Network":"10.42.0.0/16"}' > /run/test/net-conf.json
`
/** With another MAC, and a neighbour that believes a gratuitous ARP request. */
const REBUILD = `ip netns add far
ip link add mgmt0 address 02:00:00:00:00:aa type veth peer name far0 netns far
ip -n far address add 192.0.2.9/24 dev far0
ip -n far link set far0 up
ip netns exec far sh -c 'echo 1 > /proc/sys/net/ipv4/conf/far0/arp_accept'
ip link set mgmt0 up
ip address add 192.0.2.1/24 dev mgmt0`
/** How cloud-init orders the stage that runs what users give it: behind everything of multi-user.target. */
const CLOUD_INIT = {
  'cloud-init.target': '[Unit]\nAfter=multi-user.target\n[Install]\nWantedBy=multi-user.target\n',
  'cloud-final.service': `[Unit]
After=network.target multi-user.target
[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutSec=0
ExecStart=/bin/sh -e /run/test/last-stage
[Install]
WantedBy=cloud-init.target
`,
}

const vtepd = { 'vtepd.service': UNIT, 'vtepd.service.d/test.conf': SETTINGS }
const status = (systemd: Systemd): string => systemd.property('vtepd', 'StatusText')
const log = ({ folder }: Systemd): string => readFileSync(path.join(folder, 'log'), 'utf8')

test(
  'cloud-init’s last stage brings what vtepd waits for: neither waits for the other, and systemd shows how it is',
  systemdTests(),
  async (t) => {
    const later = JSON.stringify(LEASES)
    const systemd = await startSystemd(t, {
      units: { ...vtepd, ...CLOUD_INIT },
      beforeBoot: `${BEFORE_BOOT}
cat > /run/test/last-stage <<'END'
systemctl start vtepd.service
systemctl show -P StatusText vtepd.service > /run/test/status-before
echo '${later}' > /run/test/leases.json
END`,
    })
    await systemd.until('the end of the last stage', () => systemd.property('cloud-final', 'SubState') === 'exited')
    assert.match(readFileSync(path.join(systemd.folder, 'status-before'), 'utf8'), /^waiting: flannel\.1 /)
    await systemd.until('readiness', () => status(systemd) === 'ready: 1 peers')
    assert.equal(systemd.property('vtepd', 'ActiveState'), 'active')

    systemd.run('ip', 'link', 'delete', 'mgmt0')
    await systemd.until('the loss', () => /^waiting: flannel\.1 stranded \(/.test(status(systemd)))

    // The unit's rights are enough to tell the neighbours of a rebuilt interface.
    systemd.run('sh', '-e', '-c', REBUILD)
    await systemd.until('the announcement', () =>
      systemd.run('ip', '-n', 'far', 'neigh', 'show', '192.0.2.1').includes('02:00:00:00:00:aa'),
    )
    await systemd.until('readiness again', () => status(systemd) === 'ready: 1 peers')
    assert.doesNotMatch(log(systemd), /cannot announce/)

    systemd.run('systemctl', 'stop', 'vtepd')
    assert.deepEqual(
      ['Result', 'ExecMainStatus', 'NRestarts'].map((name) => systemd.property('vtepd', name)),
      ['success', '0', '0'],
    )
    assert.match(log(systemd), /Exiting cleanly\.\.\./)
  },
)

test(
  'a vtepd that cannot start before cloud-init’s last stage does not keep it waiting, and starts after it',
  systemdTests(),
  async (t) => {
    const systemd = await startSystemd(t, {
      units: { ...vtepd, ...CLOUD_INIT },
      beforeBoot: `${BEFORE_BOOT}
mv /run/test/net-conf.json /run/test/net-conf.later
echo '${JSON.stringify(LEASES)}' > /run/test/leases.json
echo 'mv /run/test/net-conf.later /run/test/net-conf.json' > /run/test/last-stage`,
    })
    await systemd.until('the end of the last stage', () => systemd.property('cloud-final', 'SubState') === 'exited')
    await systemd.until('readiness', () => status(systemd) === 'ready: 1 peers')
    assert.match(log(systemd), /net-conf\.json: does not exist/)
  },
)

test(
  'with the rights of the unit, a flanneld that runs here is seen and left alone; one elsewhere is no hindrance',
  systemdTests(),
  async (t) => {
    const systemd = await startSystemd(t, {
      units: {
        ...vtepd,
        'flanneld.service': '[Service]\nExecStart=/run/test/flanneld -c "read _ < /run/test/never"\n',
        'elsewhere.service':
          '[Service]\nPrivateNetwork=yes\nExecStart=/run/test/flanneld -c "read _ < /run/test/never"\n',
      },
      beforeBoot: `${BEFORE_BOOT}
cp /bin/sh /run/test/flanneld
mkfifo /run/test/never
echo '${JSON.stringify(LEASES)}' > /run/test/leases.json`,
    })
    systemd.run('systemctl', 'start', 'elsewhere')
    systemd.run('systemctl', 'restart', 'vtepd')
    await systemd.until('readiness beside a flanneld of another namespace', () => status(systemd) === 'ready: 1 peers')
    assert.doesNotMatch(log(systemd), /flanneld \(process/)

    // Conflicts= stops vtepd for it; somebody starts vtepd all the same, under another name of flanneld's.
    systemd.run('systemctl', 'stop', 'vtepd')
    systemd.run('systemd-run', '--unit=canal', '--quiet', '/run/test/flanneld', '-c', 'read _ < /run/test/never')
    const pid = systemd.property('canal', 'MainPID')
    systemd.run('sh', '-c', 'systemctl start vtepd || true')
    await systemd.until('the refusal', () => log(systemd).includes(`already kept by flanneld (process ${pid})`))
  },
)

for (const [tool, settings, hint, rules] of [
  ['nft', 'FLANNELD_FIREWALL=nftables FLANNELD_VXLAN_ALLOW=known', '', /table ip flannel-ipv4/],
  ['iptables-nft', 'FLANNELD_FIREWALL=iptables', 'iptables-nft -t mangle -N KUBE-IPTABLES-HINT', /FLANNEL-POSTRTG/],
  [
    'iptables-legacy',
    'FLANNELD_FIREWALL=iptables',
    'iptables-legacy -t mangle -N KUBE-IPTABLES-HINT; rm -f /run/xtables.lock',
    /FLANNEL-POSTRTG/,
  ],
] as const)
  test(`with the rights of the unit, the packet filter rules are made by ${tool}`, systemdTests(), async (t) => {
    const systemd = await startSystemd(t, {
      units: { ...vtepd, 'vtepd.service.d/test.conf': `${SETTINGS}Environment=FLANNELD_IP_MASQ=true ${settings}\n` },
      beforeBoot: `${BEFORE_BOOT}
${hint}
echo '${JSON.stringify(LEASES)}' > /run/test/leases.json`,
    })
    await systemd.until('readiness', () => status(systemd) === 'ready: 1 peers')
    const list = tool === 'nft' ? ['nft', 'list', 'ruleset'] : [`${tool}-save`]
    assert.match(systemd.run(...(list as [string, ...string[]])), rules)
    assert.doesNotMatch(log(systemd), /the packet filter rules cannot|reach the VXLAN port cannot/)
  })

test(
  'with the rights of the unit, subnet.env and the conflist come back with their folders, and forwarding is set',
  systemdTests(),
  async (t) => {
    const systemd = await startSystemd(t, {
      units: { ...vtepd, 'vtepd.service.d/cni.conf': '[Service]\nEnvironment=FLANNELD_CNI=bridge\n' },
      beforeBoot: `${BEFORE_BOOT}
rm -rf /etc/cni
echo 0 > /proc/sys/net/ipv4/ip_forward
echo '${JSON.stringify(LEASES)}' > /run/test/leases.json`,
    })
    const isThere = (file: string): boolean => systemd.run('sh', '-c', `cat ${file} || true`) !== ''
    const files = ['/run/flannel/subnet.env', '/etc/cni/net.d/10-flannel.conflist']
    await systemd.until('readiness', () => status(systemd) === 'ready: 1 peers')
    assert.equal(systemd.run('cat', '/proc/sys/net/ipv4/ip_forward'), '1')
    for (const file of files) assert.ok(isThere(file), file)

    for (const file of files) systemd.run('sh', '-c', `rm -rf ${path.dirname(file)} || true`)
    for (const file of files) await systemd.until(file, () => isThere(file))
    await systemd.until('readiness again', () => status(systemd) === 'ready: 1 peers')
  },
)

test(
  "with the rights of the unit, the kubelet's credential is found and read, though it is root's alone",
  systemdTests(),
  async (t) => {
    const certificates = mkdtempSync(path.join(tmpdir(), 'vtepd-unit-kubelet-'))
    t.after(() => rmSync(certificates, { recursive: true }))
    const authority = createAuthority(certificates)
    const kubelet = authority.issue('system:node:worker1', path.join(certificates, 'kubelet'), 'system:nodes')
    const kubeconfig = (user: string): string =>
      `{ apiVersion: v1, kind: Config, current-context: x, contexts: [{ name: x, context: { cluster: c, user: u } }],
      clusters: [{ name: c, cluster: { server: 'https://192.0.2.77:6443' } }], users: [{ name: u, user: ${user} }] }`
    const settings = SETTINGS.replace(
      'FLANNELD_LEASES=/run/test/leases.json',
      'FLANNELD_KUBECONFIG_FILE=/etc/vtepd/kubeconfig',
    )
    const systemd = await startSystemd(t, {
      units: { ...vtepd, 'vtepd.service.d/test.conf': settings },
      beforeBoot: `${BEFORE_BOOT}
umask 077
mkdir -p /etc/vtepd /etc/kubernetes /var/lib/kubelet/pki
cat > /etc/vtepd/kubeconfig <<'END'
${kubeconfig('{ token: x }')}
END
cat > /etc/kubernetes/kubelet.conf <<'END'
${kubeconfig('{ client-certificate: /var/lib/kubelet/pki/current.pem, client-key: /var/lib/kubelet/pki/current.pem }')}
END
cat > /var/lib/kubelet/pki/current.pem <<'END'
${pem(kubelet.cert)}${pem(kubelet.key)}
END`,
    })
    const line =
      'Nodes are read by /etc/vtepd/kubeconfig, our own is written by /etc/kubernetes/kubelet.conf (system:node:worker1)'
    await systemd.until('the line that says who writes', () => log(systemd).includes(line))
  },
)
