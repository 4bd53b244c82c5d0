// A WireGuard interface with one peer. The kernel needs the module; without it this says so and ends.
import { generatePrivateKey, NetlinkError, openRtnl, openWireguard, parseCidr, parseIp, publicKeyOf } from 'vtepd/rtnl'

const peer = generatePrivateKey() // The other host keeps it, and tells its public key alone.
const rtnl = openRtnl()
const wireguard = openWireguard()
try {
  const { ifindex } = await rtnl.createLink({ kind: 'wireguard', ifname: 'wg-example' })
  await wireguard.setDevice(ifindex, {
    privateKey: generatePrivateKey(),
    listenPort: 51820,
    peers: [
      {
        publicKey: publicKeyOf(peer),
        endpoint: { ip: parseIp('192.0.2.7'), port: 51820 },
        allowedIps: [parseCidr('10.99.0.7/32')],
      },
    ],
  })
  await rtnl.addAddress({ ifindex, ip: parseIp('10.99.0.1'), prefixLength: 24 })
  await rtnl.changeLink(ifindex, { up: true })

  const device = await wireguard.getDevice(ifindex)
  console.log(`port ${device?.listenPort}`)
  for (const { endpoint, allowedIps } of device?.peers ?? []) console.log(`${allowedIps} by ${endpoint?.ip}`)
  await rtnl.deleteLink(ifindex)
} catch (error) {
  if (!(error instanceof NetlinkError && error.errnoName === 'EOPNOTSUPP')) throw error
  console.log('this kernel has no WireGuard')
} finally {
  await wireguard.close()
  await rtnl.close()
}
