/**
 * All other nodes at once: a process that has every address of the network and of the underlay, answers each probe from the address
 * that was asked, and asks as often itself. In Python, since Node cannot send from an address that it chooses. Ends with its scope.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Netns, Scope } from '../../test/support/netns.ts'

const PROGRAM = `
import os, random, socket, struct, sys, time
port, rate, ours, peers = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4:]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
s.bind(('0.0.0.0', port))
def send(source, to, data):
    info = struct.pack('=I4s4s', 0, socket.inet_aton(source), b'\\0' * 4)
    s.sendmsg([data], [(socket.IPPROTO_IP, 8, info)], 0, to)
print('listening', flush=True)
due = time.monotonic()
while True:
    s.settimeout(max(0.001, due - time.monotonic()))
    try:
        data, control, _, sender = s.recvmsg(65536, 256)
        asked = socket.inet_ntoa(control[0][2][8:12])
        if data[5] == 0:
            answer = bytearray(data[:32])
            answer[5] = 1
            answer[20:24] = struct.pack('>I', 1)
            answer[24:26] = b'\\0\\0'
            send(asked, sender, bytes(answer))
    except (socket.timeout, BlockingIOError):
        pass
    if time.monotonic() >= due:
        due += 1 / rate
        question = struct.pack('>IBBBB', 0x5654504d, 1, 0, 0, 0) + os.urandom(8) + struct.pack('>IIH6x', 1, 0, 32)
        send(random.choice(peers), (ours, port), question)
`

/** Resolves when they listen. `peers`: addresses from which they ask; `ours`: whom. */
export async function startOthers(
  scope: Scope,
  netns: Netns,
  {
    port,
    rate,
    ours,
    peers,
  }: { readonly port: number; readonly rate: number; readonly ours: string; readonly peers: readonly string[] },
): Promise<void> {
  const words = ['netns', 'exec', netns.name, 'python3', '-c', PROGRAM, String(port), String(rate), ours, ...peers]
  const child = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] })
  scope.after(() => child.kill('SIGKILL'))
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
  if (value !== 'listening') throw new Error(`the other nodes do not listen: ${value}`)
}
