/** Settings of the host that pods need, and the programs that an agent runs. Must not: set or run any. */
import type { Family } from '../../net/ip.ts'
import { sysctlName, sysctlRemedy, wantedSysctls } from '../../way/sysctls.ts'
import { type CheckHost, type Finding, fine, prevents, warns } from './finding.ts'

export async function checkSettings(
  host: CheckHost,
  families: readonly Family[],
  how: { readonly sets: boolean; readonly firewall: string },
): Promise<readonly Finding[]> {
  const wishes = families.flatMap((family) => wantedSysctls(family, undefined))
  const sysctls = await Promise.all(wishes.map((wish) => checkSysctl(host, wish, how.sets)))
  const ipv6 = families.includes('ipv6') ? [await checkIpv6(host)] : []
  return [...ipv6, ...sysctls, await checkTools(host, families, how.firewall)]
}

async function checkSysctl(
  { readText }: CheckHost,
  wish: ReturnType<typeof wantedSysctls>[number],
  sets: boolean,
): Promise<Finding> {
  const about = 'sysctl'
  const value = (await readText(`/proc/sys/${wish.key}`))?.trim()
  const name = sysctlName(wish.key)
  if (value === wish.value) return fine(about, `${name} is ${value}`)
  if (value === undefined)
    return warns(about, `there is no ${name}: ${wish.because}`, wish.missing ?? sysctlRemedy(wish))
  return sets
    ? fine(about, `${name} is ${value}; vtepd run sets it to ${wish.value}, unless --host-sysctls=warn`)
    : warns(about, `${name} is ${value}: ${wish.because}`, sysctlRemedy(wish))
}

async function checkIpv6({ readText }: CheckHost): Promise<Finding> {
  const off = (await readText('/proc/sys/net/ipv6/conf/default/disable_ipv6'))?.trim()
  if (off === '0') return fine('IPv6', 'is on for new links')
  return off === undefined
    ? prevents(
        'IPv6',
        'this kernel runs without IPv6',
        'remove ipv6.disable=1 from its command line, or EnableIPv6 from net-conf',
      )
    : prevents(
        'IPv6',
        'is off for new links, our device among them',
        'sysctl -w net.ipv6.conf.default.disable_ipv6=0, and in /etc/sysctl.d',
      )
}

async function checkTools({ has }: CheckHost, families: readonly Family[], firewall: string): Promise<Finding> {
  const about = 'packet filter'
  if (firewall === 'none') return fine(about, 'is not kept (--firewall=none)')
  const iptables = families.map((family) => (family === 'ipv4' ? 'iptables' : 'ip6tables'))
  const nft = await has('nft')
  const all = (await Promise.all(iptables.map(has))).every(Boolean)
  if (firewall === 'nftables' && !nft) return prevents(about, 'nft is not installed', 'install the package nftables')
  if (firewall === 'iptables' && !all)
    return prevents(about, `${iptables.join(' or ')} is not installed`, 'install the package iptables')
  if (!nft && !all)
    return prevents(
      about,
      `neither nft nor ${iptables.join(' and ')} is installed`,
      'install the package nftables or iptables, or give --firewall=none',
    )
  return fine(about, [...(nft ? ['nft'] : []), ...(all ? iptables : [])].join(', '))
}
