/** WireGuard devices: bytes by hand from linux/wireguard.h, and two devices that talk where the kernel has them. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import type { Generic } from '../../../lib/netlink/generic.ts'
import { decodePayload, encodeMessage } from '../../../lib/netlink/message.ts'
import { type Cidr, type Ip, parseCidr } from '../../../lib/rtnl/index.ts'
import type { WireguardChange } from '../../../lib/rtnl/wireguard/device.ts'
import {
  generatePresharedKey,
  generatePrivateKey,
  keyFromBytes,
  keyToBytes,
  parseWireguardKey,
  publicKeyOf,
  type WireguardKey,
} from '../../../lib/rtnl/wireguard/key.ts'
import { deviceOf } from '../../../lib/rtnl/wireguard/read-device.ts'
import { device, type RawDevice } from '../../../lib/rtnl/wireguard/schema.ts'
import { openWireguard, type Wireguard, wireguardOver } from '../../../lib/rtnl/wireguard/wireguard.ts'
import { messagesOf } from '../../../lib/rtnl/wireguard/write-device.ts'
import { createNetns, kernelTests, type Netns } from '../../support/netns.ts'

const keyOf = (byte: number) => keyFromBytes(new Uint8Array(32).fill(byte))
const hasWg = spawnSync('wg', ['--version']).status === 0

test('a public key is what the ladder of RFC 7748 makes of the bytes 0 to 31', () => {
  const expected = '8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f'
  const key = publicKeyOf(keyFromBytes(Uint8Array.from({ length: 32 }, (_, i) => i)))
  assert.equal(Buffer.from(keyToBytes(key)).toString('hex'), expected)
})

test('keys are made as wg makes them', {
  skip: hasWg ? false : 'wg is missing: Debian package wireguard-tools',
}, () => {
  const privateKey = generatePrivateKey()
  const { stdout } = spawnSync('wg', ['pubkey'], { input: privateKey, encoding: 'utf8' })
  assert.equal(publicKeyOf(privateKey), stdout.trim())
  assert.notEqual(generatePresharedKey(), generatePresharedKey())
})

const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1
const golden = { skip: LITTLE_ENDIAN ? false : 'the bytes are those of a little-endian machine' }

/** Payload of WG_CMD_SET_DEVICE behind struct genlmsghdr. */
const BYTES = [
  '08000100 07000000', // WGDEVICE_A_IFINDEX 7
  `24000300 ${'11'.repeat(32)}`, // PRIVATE_KEY
  '06000600 6cca 0000', // LISTEN_PORT 51820
  '08000700 2a000000', // FWMARK 42
  '08000500 01000000', // FLAGS: REPLACE_PEERS
  'c8000880', // PEERS, nested
  'c4000180', // the first
  `24000100 ${'22'.repeat(32)}`, // PUBLIC_KEY
  `24000200 ${'00'.repeat(32)}`, // PRESHARED_KEY: none
  '08000300 02000000', // FLAGS: REPLACE_ALLOWEDIPS
  '20000400 0a00 ca6c 00000000 fe800000000000000000000000000001 05000000', // ENDPOINT [fe80::1%5]:51820
  '06000500 1900 0000', // PERSISTENT_KEEPALIVE_INTERVAL 25
  '48000980', // ALLOWEDIPS, nested
  '1c000180 06000100 0200 0000 08000200 0a010000 05000300 10 000000', // 10.1.0.0/16
  '28000280 06000100 0a00 0000 14000200 fd000000000000000000000000000000 05000300 08 000000', // fd00::/8
]
  .join('')
  .replaceAll(' ', '')

test('a change is said in the bytes of linux/wireguard.h', golden, () => {
  const change: WireguardChange = {
    privateKey: keyOf(0x11),
    listenPort: 51820,
    fwmark: 42,
    replacePeers: true,
    peers: [
      {
        publicKey: keyOf(0x22),
        presharedKey: null,
        replaceAllowedIps: true,
        endpoint: { ip: 'fe80::1' as Ip, port: 51820, scope: 5 as never },
        persistentKeepalive: 25,
        allowedIps: ['10.1.2.3/16', 'fd00::/8'] as unknown as Cidr[],
      },
    ],
  }
  const [message, ...more] = messagesOf(change)
  assert.deepEqual(more, [])
  const bytes = encodeMessage(16, 0, device, { ifindex: 7, ...message }).subarray(16)
  assert.equal(Buffer.from(bytes).toString('hex'), BYTES)
})

test('a device is read from the bytes that say it, and as a whole from several messages', golden, () => {
  const [first, faults] = read(BYTES)
  assert.deepEqual(faults, [])
  const more: RawDevice = {
    peers: [
      { publicKey: keyOf(0x22), allowedIps: [{ family: 2, ip: '10.9.0.0' as Ip, prefixLength: 24 }] },
      { publicKey: keyOf(0x33), rxBytes: 7, lastHandshake: { seconds: 1_700_000_000n, nanoseconds: 5_000_000n } },
    ],
  }
  const found = deviceOf([first, more], false)
  assert.equal(found?.privateKey, keyOf(0x11))
  const nothing = { rxBytes: 0, txBytes: 0, protocolVersion: 0 }
  assert.deepEqual(found?.peers, [
    {
      ...nothing,
      publicKey: keyOf(0x22),
      endpoint: { ip: 'fe80::1', port: 51820, scope: 5 },
      persistentKeepalive: 25,
      allowedIps: ['10.1.0.0/16', 'fd00::/8', '10.9.0.0/24'],
    },
    {
      ...nothing,
      publicKey: keyOf(0x33),
      rxBytes: 7,
      lastHandshakeMs: 1_700_000_000_005,
      persistentKeepalive: 0,
      allowedIps: [],
    },
  ])
})

function read(hex: string): [RawDevice, string[]] {
  const found = decodePayload(device, Uint8Array.from(Buffer.from(hex, 'hex')))
  assert.ok(found !== undefined)
  return [found.value, found.faults]
}

test('what one message cannot hold is said in several, each peer and network once and in its order', () => {
  const networks = (count: number, peer: number) =>
    Array.from({ length: count }, (_, i) => parseCidr(`fd00:${peer.toString(16)}:${i.toString(16)}::/48`))
  const peers = [3, 5000, 0, 700, 1].map((count, i) => ({
    publicKey: keyOf(i + 1),
    persistentKeepalive: 9,
    replaceAllowedIps: true,
    allowedIps: networks(count, i),
  }))
  const messages = messagesOf({ replacePeers: true, listenPort: 1, peers })
  assert.ok(messages.length > 5)
  for (const [i, message] of messages.entries()) {
    assert.ok(encodeMessage(16, 0, device, message).length < 33_000)
    assert.equal(message.flags, i === 0 ? 1 : undefined, 'peers are replaced once')
  }
  const said = messages.flatMap((one) => one.peers ?? [])
  for (const { publicKey, allowedIps } of peers) {
    const parts = said.filter((one) => one.publicKey === publicKey)
    assert.deepEqual(
      parts.flatMap((one) => one.allowedIps ?? []).map(({ ip, prefixLength }) => `${ip}/${prefixLength}`),
      allowedIps,
    )
    assert.deepEqual(
      parts.map((one) => [one.flags, one.persistentKeepalive]),
      parts.map((_, i) => (i === 0 ? [2, 9] : [4, undefined])),
    )
  }
})

const publicKey = keyOf(1)
const SECRET = generatePrivateKey()
const REFUSED: readonly (readonly [what: string, change: unknown, message: RegExp])[] = [
  ['a key of the device', { key: SECRET }, /^device\.key: /],
  ['a private key', { privateKey: SECRET.slice(1) }, /^device\.privateKey: not a key/],
  ['a private key with bits too many', { privateKey: `${'A'.repeat(42)}B=` }, /^device\.privateKey: not a key/],
  ['a private key of bytes', { privateKey: keyToBytes(SECRET) }, /^device\.privateKey: not a string/],
  ['a port', { listenPort: 65536 }, /^device\.listenPort: /],
  ['a mark', { fwmark: -1 }, /^device\.fwmark: /],
  ['peers', { peers: {} }, /^device\.peers: /],
  ['a peer without a key', { peers: [{}] }, /^device\.peers\[0\]\.publicKey: /],
  ['a preshared key', { peers: [{ publicKey, presharedKey: `${SECRET}x` }] }, /^device\.peers\[0\]\.presharedKey: /],
  ['an endpoint', { peers: [{ publicKey, endpoint: '1.2.3.4:5' }] }, /^device\.peers\[0\]\.endpoint: /],
  [
    'its port',
    { peers: [{ publicKey, endpoint: { ip: '1.2.3.4', port: 0 } }] },
    /^device\.peers\[0\]\.endpoint\.port: /,
  ],
  [
    'its scope',
    { peers: [{ publicKey, endpoint: { ip: '1.2.3.4', port: 1, scope: 2 } }] },
    /^device\.peers\[0\]\.endpoint\.scope: /,
  ],
  ['a network', { peers: [{ publicKey, allowedIps: ['10.0.0.0'] }] }, /^device\.peers\[0\]\.allowedIps\[0\]: /],
  ['a keepalive', { peers: [{ publicKey, persistentKeepalive: 1.5 }] }, /^device\.peers\[0\]\.persistentKeepalive: /],
  [
    'more of a peer that goes',
    { peers: [{ publicKey, remove: true, allowedIps: [] }] },
    /allowedIps: the peer is removed/,
  ],
]

test('wrong input is refused by the name of its field, without a key in the error, before anything is sent', async (t) => {
  const silent = { family: () => assert.fail('something was asked') } as unknown as Generic
  const { setDevice, getDevice } = wireguardOver(silent)
  for (const [what, change, message] of REFUSED)
    await t.test(what, async () => {
      await assert.rejects(setDevice('wg0', change as WireguardChange), (error: Error) => {
        assert.match(error.message, message)
        assert.ok(!String(error.stack).includes(SECRET.slice(1, 20)))
        return true
      })
    })
  await assert.rejects(getDevice('a/b'), { name: 'RangeError', message: /^link: / })
  await assert.rejects(getDevice(undefined as never), { name: 'TypeError', message: /^link: / })
  assert.throws(() => parseWireguardKey('x'), { name: 'RangeError' })
})

test('a link that is not there, or of another kind, is no device', kernelTests, async (t) => {
  const netns = await createNetns(t)
  await using wireguard = openWireguard({ netns: netns.path })
  assert.equal(await wireguard.getDevice('wg0'), undefined)
  assert.equal(await wireguard.getDevice('lo'), undefined)
  assert.equal(await wireguard.getDevice(4000 as never), undefined)
  await assert.rejects(wireguard.setDevice('wg0', { listenPort: 1 }), { name: 'NetlinkError' })
})

interface End {
  readonly netns: Netns
  readonly wireguard: Wireguard
  readonly privateKey: WireguardKey
}

/** Namespaces with 192.0.2.1 and 192.0.2.2 on a veth, and each with a link `wg0`; undefined: the kernel has no such links. */
async function createEnds(t: TestContext): Promise<readonly [End, End] | undefined> {
  const [left, right] = [await createNetns(t, 'left'), await createNetns(t, 'right')]
  await left.exec('ip', ...`link add east type veth peer name east netns ${right.name}`.split(' '))
  const ends: End[] = []
  for (const [i, netns] of [left, right].entries()) {
    const run = (args: string) => netns.exec('ip', ...args.split(' '))
    await run(`addr add 192.0.2.${i + 1}/24 dev east`)
    await run('link set east up')
    try {
      await run('link add wg0 type wireguard')
    } catch (error) {
      if (/Unknown device type|not supported/.test(String(error))) return undefined
      throw error
    }
    await run(`addr add 10.77.0.${i + 1}/24 dev wg0`)
    await run('link set wg0 up')
    const wireguard = openWireguard({ netns: netns.path })
    t.after(() => wireguard.close())
    ends.push({ netns, wireguard, privateKey: generatePrivateKey() })
  }
  const [first, second] = ends
  assert.ok(first !== undefined && second !== undefined)
  return [first, second]
}

test('two devices shake hands, and a packet comes through', kernelTests, async (t) => {
  const ends = await createEnds(t)
  if (ends === undefined) return t.skip('this kernel has no links of kind wireguard')
  const presharedKey = generatePresharedKey()
  for (const [i, { wireguard, privateKey }] of ends.entries()) {
    const other = 2 - i
    await wireguard.setDevice('wg0', {
      privateKey,
      listenPort: 51820,
      replacePeers: true,
      peers: [
        {
          publicKey: publicKeyOf(ends[1 - i]?.privateKey as WireguardKey),
          presharedKey,
          endpoint: { ip: `192.0.2.${other}` as Ip, port: 51820 },
          allowedIps: [`10.77.0.${other}/32` as Cidr],
        },
      ],
    })
  }
  const [left, right] = ends
  const server = spawn('ip', ['netns', 'exec', right.netns.name, process.execPath, '-e', SERVER])
  t.after(() => server.kill())
  await once(server.stdout, 'data')
  assert.equal(await left.netns.exec(process.execPath, '-e', CLIENT), 'came through')
  const found = await left.wireguard.getDevice('wg0')
  assert.equal(found?.publicKey, publicKeyOf(left.privateKey))
  assert.equal(found?.privateKey, left.privateKey)
  const [peer] = found?.peers ?? []
  assert.equal(peer?.presharedKey, presharedKey)
  assert.deepEqual(peer?.endpoint, { ip: '192.0.2.2', port: 51820 })
  assert.ok(peer !== undefined && peer.rxBytes > 0 && peer.txBytes > 0)
  assert.ok(Math.abs(Date.now() - (peer.lastHandshakeMs ?? 0)) < 3_600_000)
})

test('peers by the thousand are written and read whole, and changed one by one', kernelTests, async (t) => {
  const ends = await createEnds(t)
  if (ends === undefined) return t.skip('this kernel has no links of kind wireguard')
  const [{ netns, wireguard }] = ends
  const peers = Array.from({ length: 1000 }, (_, i) => ({
    publicKey: publicKeyOf(generatePrivateKey()),
    persistentKeepalive: i,
    allowedIps: Array.from({ length: i === 7 ? 3000 : 2 }, (_, j) => `10.${i >> 8}.${i & 255}.${j & 255}/32` as Cidr),
  }))
  const wide = peers[7]
  assert.ok(wide !== undefined)
  wide.allowedIps = Array.from({ length: 3000 }, (_, i) => `fd00:${(i + 1).toString(16)}::/64` as Cidr)
  await wireguard.setDevice('wg0', { replacePeers: true, fwmark: 7, peers })
  const found = await wireguard.getDevice('wg0')
  assert.deepEqual([found?.fwmark, found?.peers.length, found?.interrupted], [7, 1000, false])
  const byKey = new Map(found?.peers.map((one) => [one.publicKey, one]))
  for (const { publicKey, persistentKeepalive, allowedIps } of peers) {
    const one = byKey.get(publicKey)
    assert.equal(one?.persistentKeepalive, persistentKeepalive)
    assert.deepEqual([...(one?.allowedIps ?? [])].sort(), [...allowedIps].sort())
  }
  if (hasWg) assert.deepEqual(await shownBy(netns), (found?.peers ?? []).map((one) => one.publicKey).sort())
  await t.test(
    'by wg, and by us',
    { skip: hasWg ? false : 'wg is missing: Debian package wireguard-tools' },
    async () => {
      const words = `set wg0 peer ${wide.publicKey} endpoint [2001:db8::1]:9 allowed-ips 10.99.0.0/16 persistent-keepalive 3`
      await netns.exec('wg', ...words.split(' '))
      const byWg = await peerOf(wireguard, wide.publicKey)
      assert.deepEqual(
        [byWg?.endpoint, byWg?.allowedIps, byWg?.persistentKeepalive],
        [{ ip: '2001:db8::1', port: 9 }, ['10.99.0.0/16'], 3],
      )
    },
  )
  const publicKey = wide.publicKey
  const [other] = peers
  assert.ok(other !== undefined)
  const allowedIps = ['10.98.0.0/16' as Cidr]
  await wireguard.setDevice('wg0', { peers: [{ publicKey, replaceAllowedIps: true, allowedIps }] })
  assert.deepEqual((await peerOf(wireguard, publicKey))?.allowedIps, allowedIps)
  await wireguard.setDevice('wg0', {
    peers: [
      { publicKey: other.publicKey, remove: true },
      { publicKey: publicKeyOf(generatePrivateKey()), updateOnly: true, persistentKeepalive: 1 },
    ],
  })
  assert.equal((await wireguard.getDevice('wg0'))?.peers.length, 999)
  await wireguard.setDevice('wg0', { replacePeers: true })
  assert.deepEqual((await wireguard.getDevice('wg0'))?.peers, [])
})

const SERVER = `require('node:net').createServer((one) => one.end('came through'))
  .listen(7, '10.77.0.2', () => console.log('ready'))`
const CLIENT = `require('node:net').connect(7, '10.77.0.2').on('data', (data) => process.stdout.write(data))`

async function peerOf(wireguard: Wireguard, publicKey: WireguardKey) {
  return (await wireguard.getDevice('wg0'))?.peers.find((one) => one.publicKey === publicKey)
}

async function shownBy(netns: Netns): Promise<string[]> {
  return (await netns.exec('wg', 'show', 'wg0', 'peers')).trim().split('\n').sort()
}
