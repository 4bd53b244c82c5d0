/**
 * Who else looks after interfaces on this host, and whether it is kept off ours: NetworkManager, systemd-networkd, dhcpcd, udev.
 * By their files alone. Must not: ask or change any of them.
 */
import { type CheckHost, type Finding, fine, warns } from './finding.ts'

const DEVICE = /flannel[*.]/

export async function checkManagers(host: CheckHost): Promise<readonly Finding[]> {
  const found = await Promise.all([networkManager(host), networkd(host), dhcpcd(host), macPolicy(host)])
  const rows = found.filter((row) => row !== undefined)
  return rows.length > 0 ? rows : [fine('managers', 'no NetworkManager, systemd-networkd or dhcpcd runs here')]
}

async function networkManager(host: CheckHost): Promise<Finding | undefined> {
  const about = 'NetworkManager'
  if ((await host.list('/run/NetworkManager')).length === 0) return undefined
  const folders = ['/etc/NetworkManager/conf.d', '/run/NetworkManager/conf.d', '/usr/lib/NetworkManager/conf.d']
  const texts = [
    ...(await textsOf(host, folders, '.conf')),
    await host.readText('/etc/NetworkManager/NetworkManager.conf'),
  ]
  return texts.some((text) => unmanages(text ?? ''))
    ? fine(about, 'leaves flannel.* alone (unmanaged-devices)')
    : warns(
        about,
        'runs, and may take flannel.* for its own: it removes addresses and routes of what it manages',
        'install deploy/networkmanager.conf as /etc/NetworkManager/conf.d/vtepd.conf, then: nmcli general reload conf',
      )
}

function unmanages(text: string): boolean {
  return text.split('\n').some((line) => /^\s*unmanaged-devices\s*[+]?=/.test(line) && DEVICE.test(line))
}

async function networkd(host: CheckHost): Promise<Finding | undefined> {
  const about = 'systemd-networkd'
  if ((await host.list('/run/systemd/netif/links')).length === 0) return undefined
  const folders = ['/etc/systemd/network', '/run/systemd/network', '/usr/lib/systemd/network']
  const texts = await textsOf(host, folders, '.network')
  return texts.some((text) => /^\s*Unmanaged\s*=\s*(?:yes|true|1|on)/im.test(text) && DEVICE.test(text))
    ? fine(about, 'leaves flannel.* alone (Unmanaged=yes)')
    : warns(
        about,
        'runs, and a catch-all .network file would configure flannel.* too',
        'install deploy/05-vtepd.network in /etc/systemd/network, then: networkctl reload',
      )
}

async function dhcpcd(host: CheckHost): Promise<Finding | undefined> {
  const about = 'dhcpcd'
  const runs = [...(await host.list('/run/dhcpcd')), ...(await host.list('/run'))].some((name) =>
    /^(?:dhcpcd.*)?pid$|^dhcpcd.*\.pid$/.test(name),
  )
  if (!runs) return undefined
  const text = (await host.readText('/etc/dhcpcd.conf')) ?? ''
  return /^\s*denyinterfaces\b.*flannel/m.test(text) || /^\s*allowinterfaces\b/m.test(text)
    ? fine(about, 'leaves flannel.* alone (denyinterfaces)')
    : warns(
        about,
        'runs, and gives flannel.* and pods’ interfaces link-local addresses',
        'in /etc/dhcpcd.conf: denyinterfaces flannel* cni* veth*, then restart it',
      )
}

/** systemd's default link file gives every virtual link a MAC of its own after it was made. */
async function macPolicy(host: CheckHost): Promise<Finding | undefined> {
  const about = 'udev'
  const texts = await textsOf(
    host,
    ['/etc/systemd/network', '/run/systemd/network', '/usr/lib/systemd/network', '/lib/systemd/network'],
    '.link',
  )
  const persistent = texts.filter((text) => /^\s*MACAddressPolicy\s*=\s*persistent/m.test(text))
  if (persistent.length === 0) return undefined
  return fine(
    about,
    'gives new links a MAC address (MACAddressPolicy=persistent); vtepd makes its device with one, and puts it back',
  )
}

async function textsOf(
  { list, readText }: CheckHost,
  folders: readonly string[],
  suffix: string,
): Promise<readonly string[]> {
  const files = await Promise.all(
    folders.map(async (folder) =>
      (await list(folder)).filter((name) => name.endsWith(suffix)).map((name) => `${folder}/${name}`),
    ),
  )
  return (await Promise.all(files.flat().map(readText))).filter((text) => text !== undefined)
}
