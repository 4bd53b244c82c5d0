/**
 * A Unix datagram socket, which Node has not: python3 receives and says who sent. It is ended when the test ends.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Scope } from './netns.ts'

export interface Datagram {
  /** Of the sender, as the kernel says. */
  readonly pid: number
  readonly text: string
}

export interface DatagramReceiver {
  next(): Promise<Datagram>
}

const PROGRAM = `
import json, os, socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
s.bind(sys.argv[1].replace('@', '\\0', 1) if sys.argv[1].startswith('@') else sys.argv[1])
print('listening', flush=True)
if len(sys.argv) > 2:
    sys.stdin.readline()
while True:
    text, control, _, _ = s.recvmsg(65536, 1024)
    pid = next(struct.unpack('iii', data)[0] for _, kind, data in control if kind == socket.SCM_CREDENTIALS)
    print(json.dumps({'pid': pid, 'text': text.decode()}), flush=True)
`

/** Pass as the skip of a test. */
export function withoutPython(): string | false {
  return spawnSync('python3', ['--version']).error === undefined ? false : 'needs the program python3'
}

/** Resolves when it can be sent to. `path` begins with @ where the name is abstract; `deaf`: it never receives. */
export async function receiveDatagrams(t: Scope, path: string, { deaf = false } = {}): Promise<DatagramReceiver> {
  const child = spawn('python3', ['-c', PROGRAM, path, ...(deaf ? ['deaf'] : [])], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // A sanitizer's library that this process was started with is not for python3, which may end at once with it.
    env: { ...process.env, LD_PRELOAD: undefined },
  })
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const { value } = await lines.next()
  if (value !== 'listening') throw new Error(`python3 does not receive on ${path}: it said ${value ?? 'nothing'}`)
  return { next: async () => JSON.parse((await lines.next()).value ?? 'null') as Datagram }
}
