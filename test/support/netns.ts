/**
 * Network namespaces for kernel tests. `npm test` runs everything inside private namespaces (network, mount, PID; user
 * too where it is not root), with a tmpfs on /run: nothing here can reach the host, and all of it dies with the run.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Pass as the options of a test that needs the kernel: `test('…', kernelTests, async (t) => …)`. */
export const kernelTests: { skip: string | false } = {
  skip:
    process.env.VTEPD_TEST_NAMESPACE === '1' ? false : 'needs private namespaces: run it through `npm test -- FILE`',
}

/** What something lives as long as: a test (its context), or a program that keeps its own list. */
export interface Scope {
  /** `finish` is called at the end, the last given first or in the order given: neither may rely on it. */
  after(finish: () => unknown): void
}

export interface Netns {
  readonly name: string
  /** /run/netns/NAME, as `openRtnl({ netns })` takes it. */
  readonly path: string
  /** Runs a program inside; resolves with its standard output, rejects with its standard error in the message. */
  exec(program: string, ...args: string[]): Promise<string>
}

const ENTERING = new Set(['ip', 'bridge'])

let count = 0

/** A fresh namespace with `lo` up, removed when the test ends, whatever its end. */
export async function createNetns(t: Scope, label = 'ns'): Promise<Netns> {
  count += 1
  const name = `${label}-${process.pid}-${count}`
  await run('ip', ['netns', 'add', name])
  t.after(() => run('ip', ['netns', 'delete', name]))
  const netns = netnsNamed(name)
  await netns.exec('ip', 'link', 'set', 'lo', 'up')
  return netns
}

/** A namespace that somebody else has made, and will remove. */
export function netnsNamed(name: string): Netns {
  return {
    name,
    path: `/run/netns/${name}`,
    async exec(program, ...args) {
      // These two enter by themselves: one process less for each of the many thousand times.
      const [first, ...words] = ENTERING.has(program)
        ? [program, '-n', name, ...args]
        : ['ip', 'netns', 'exec', name, program, ...args]
      const { stdout } = await run(first, words, { maxBuffer: 1 << 28 })
      return stdout
    },
  }
}
