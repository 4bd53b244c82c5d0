/**
 * `vtepd lab`: arguments → a lab inside private namespaces, exit status. `prober` and `open-sockets` are the lab's own
 * helper processes. Must not: do any of the lab's work.
 */
import { complain, output } from '../../host/output.ts'
import { insideLab, runIsolated } from '../../lab/isolation.ts'
import { LabError } from '../../lab/lab-error.ts'
import { openPictures } from '../../lab/picture/files.ts'
import { requirePrograms } from '../../lab/real-kube/programs.ts'
import { parseLabArguments } from '../lab-flags.ts'

/** Resolves with the exit status: 0 all is well, 1 not, 128 + signal when interrupted; throws ConfigError for bad arguments. */
export async function runLabCommand(argv: readonly string[]): Promise<number> {
  const [first, ...rest] = argv
  if (first === 'prober' || first === 'open-sockets') return runHelper(first, rest)
  const request = parseLabArguments(argv)
  if (request.kind === 'help') {
    output.write(request.text)
    return 0
  }
  const inside = insideLab()
  if (inside === undefined) {
    return reported(async () => {
      const { kube, kubePrograms } = request.options
      if (kube === 'real') requirePrograms(kubePrograms)
      const pictures = openPictures(request.options)
      try {
        return await runIsolated(argv, pictures.fds)
      } finally {
        pictures.close()
      }
    })
  }
  const { runLab } = await import('../../lab/lab.ts')
  return await runLab(request.options, inside)
}

async function runHelper(name: 'prober' | 'open-sockets', families: readonly string[]): Promise<number> {
  const { runProber, runSocketOpener } = await import('../../lab/prober.ts')
  if (name === 'prober') return await runProber()
  await runSocketOpener(families)
  return 0
}

async function reported(run: () => Promise<number>): Promise<number> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof LabError)) throw error
    complain(`vtepd lab: ${error.message}\n`)
    return 1
  }
}
