/** The kernel and what this process may do in it: version, VXLAN, capabilities. Must not: load a module, nor make a link to see. */
import { OLDEST_KERNEL } from '../old-kernel.ts'
import { type CheckHost, type Finding, fine, prevents, unknown, warns } from './finding.ts'

const NET_ADMIN = 12n
const NET_RAW = 13n

export async function checkKernel(host: CheckHost): Promise<readonly Finding[]> {
  return [checkVersion(host.release), await checkVxlan(host), ...(await checkRights(host))]
}

/** The number alone prevents nothing, as distributions carry features back; whether it is too old says `vtepd run`. */
function checkVersion(release: string): Finding {
  const [major = 0, minor = 0] = release.split('.').map(Number)
  const [oldest, least] = OLDEST_KERNEL
  const isOld = major < oldest || (major === oldest && minor < least)
  return isOld
    ? warns(
        'kernel',
        `Linux ${release} is older than ${OLDEST_KERNEL.join('.')}`,
        `install a kernel of ${OLDEST_KERNEL.join('.')} or newer`,
      )
    : fine('kernel', `Linux ${release}`)
}

/** By distribution: the package that has vxlan.ko where the kernel's own package has not. */
const EXTRA_MODULES: readonly (readonly [id: RegExp, remedy: string])[] = [
  [/^(?:ubuntu)$/, 'apt-get install linux-modules-extra-$(uname -r)'],
  [/^(?:rhel|centos|rocky|almalinux|ol|fedora)$/, 'dnf install kernel-modules-core kernel-modules'],
  [/^(?:sles|opensuse.*|suse)$/, 'zypper install kernel-default'],
  [/^(?:alpine)$/, 'use linux-lts or linux-virt of the same version as the running kernel'],
  [/^(?:raspbian|debian)$/, 'apt-get install the linux-image of the running version; the cloud flavour has vxlan too'],
]

async function checkVxlan({ readText, list, release }: CheckHost): Promise<Finding> {
  const about = 'vxlan'
  if (/^vxlan /m.test((await readText('/proc/modules')) ?? '')) return fine(about, 'the module is loaded')
  const folder = `/lib/modules/${release}`
  const builtin = (await readText(`${folder}/modules.builtin`)) ?? ''
  if (/\/vxlan\.ko/.test(builtin)) return fine(about, 'built into the kernel')
  const names = await list(`${folder}/kernel/drivers/net/vxlan`)
  const older = await list(`${folder}/kernel/drivers/net`)
  if ([...names, ...older].some((name) => /^vxlan\.ko/.test(name)))
    return fine(about, 'a module that the kernel loads by itself')
  if ((await list(folder)).length === 0)
    return unknown(
      about,
      `${folder} is not here (a container?), so that it cannot be told`,
      'on the host: modinfo vxlan',
    )
  const id = /^ID="?([^"\n]+)/m.exec((await readText('/etc/os-release')) ?? '')?.[1] ?? ''
  const remedy =
    EXTRA_MODULES.find(([pattern]) => pattern.test(id))?.[1] ?? 'install the package that has vxlan.ko for this kernel'
  return prevents(about, `this kernel has neither the module vxlan nor VXLAN built in`, remedy)
}

async function checkRights({ readText }: CheckHost): Promise<readonly Finding[]> {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec((await readText('/proc/self/status')) ?? '')?.[1]
  if (effective === undefined) return [unknown('rights', '/proc/self/status cannot be read', 'look at CapEff there')]
  const has = (bit: bigint): boolean => ((BigInt(`0x${effective}`) >> bit) & 1n) === 1n
  const give = (name: string): string =>
    `run as root, or give ${name} (systemd: AmbientCapabilities, Kubernetes: capabilities.add)`
  return [
    has(NET_ADMIN)
      ? fine('rights', 'CAP_NET_ADMIN')
      : prevents('rights', 'CAP_NET_ADMIN is missing: nothing can be written to the kernel', give('CAP_NET_ADMIN')),
    has(NET_RAW)
      ? fine('rights', 'CAP_NET_RAW')
      : warns('rights', 'CAP_NET_RAW is missing: a changed MAC address cannot be announced', give('CAP_NET_RAW')),
  ]
}
