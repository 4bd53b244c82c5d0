/**
 * `vtepd cni install` and `vtepd cni check`: the CNI configuration and the plugins where the container runtime looks for them.
 * Must not: decide what is lacking (lib/cli/cni), nor start or ask an agent.
 */
import { chmod, copyFile, mkdir, rename, rm, symlink } from 'node:fs/promises'
import path from 'node:path'
import { CONFLIST_KINDS } from '../../cni/conflist.ts'
import { ConfigError } from '../../errors.ts'
import { listFolder, replaceFile } from '../../host/files.ts'
import { messageOf } from '../../util/message-of.ts'
import { printable } from '../../util/printable.ts'
import { CNI_ABOUT, CNI_FLAGS, type CniFlags } from '../cni/flags.ts'
import { findPlaces, hostOf } from '../cni/places.ts'
import { type CniPlan, type CniStep, type CniWish, planCni } from '../cni/plan.ts'
import { conflistName, oneOf } from '../flag-values.ts'
import { type Reported, reportCommand } from '../report-command.ts'

/** What --json prints: every key is always there. */
export interface Report {
  readonly dryRun: boolean
  readonly host: string
  readonly cni: string
  readonly confDir: string
  readonly binDir: string
  /** Written, or what would be. */
  readonly steps: readonly { readonly kind: CniStep['kind']; readonly path: string; readonly target: string | null }[]
  /** What is wrong all the same; empty: exit status 0. */
  readonly faults: readonly string[]
  readonly notes: readonly string[]
}

/** Resolves with the exit status; throws ConfigError for flags. */
export function cniCommand(argv: readonly string[]): Promise<number> {
  return reportCommand(argv, { flags: CNI_FLAGS, about: CNI_ABOUT, work: installOrCheck, render: renderReport })
}

async function installOrCheck(flags: CniFlags, words: readonly string[]): Promise<Reported<Report>> {
  const [verb, ...more] = words
  if ((verb !== 'install' && verb !== 'check') || more.length > 0)
    throw new ConfigError(`argument '${words.join(' ')}'`, 'give install or check (vtepd cni --help)')
  const wish = await wishOf(flags)
  const dryRun = verb === 'check' || flags['dry-run']
  const plan = await planCni(wish)
  const faults = dryRun ? plan.faults : await install(wish, plan)
  const report: Report = {
    dryRun,
    host: wish.places.host,
    cni: wish.kind,
    confDir: wish.places.confDir,
    binDir: wish.places.binDir,
    steps: plan.steps.map((step) => ({
      kind: step.kind,
      path: step.path,
      target: 'target' in step ? step.target : null,
    })),
    faults,
    notes: plan.notes,
  }
  return { report, status: faults.length > 0 || (verb === 'check' && plan.steps.length > 0) ? 1 : 0 }
}

async function wishOf(flags: CniFlags): Promise<CniWish> {
  const asked = oneOf('paths', flags.paths, ['auto', 'kubernetes', 'k3s'])
  const host = asked === 'auto' ? await hostOf(listFolder) : asked
  const kind = oneOf('cni', flags.cni || (host === 'k3s' ? 'k3s' : 'flannel'), CONFLIST_KINDS)
  const confName = conflistName(flags['cni-conf-name'])
  return {
    kind,
    places: await findPlaces(flags, host),
    confName,
    subnetFile: path.resolve(flags['subnet-file']),
    pluginsOnly: flags['plugins-only'],
  }
}

/** Returns what is wrong afterwards, by a second look. */
async function install(wish: CniWish, { steps }: CniPlan): Promise<readonly string[]> {
  const refusals = new Map<string, string>()
  for (const step of steps) {
    try {
      if (step.kind === 'file') await replaceFile(step.path, step.text)
      else await replacePlugin(step)
    } catch (error) {
      refusals.set(step.path, messageOf(error))
    }
  }
  const after = await planCni(wish)
  const undone = after.steps.map(
    (step) => `${step.path} is not as it was written: ${refusals.get(step.path) ?? 'another program writes it'}`,
  )
  return [...after.faults, ...undone]
}

/** Over a link that leads nowhere, or what is no program; a program is whole as soon as it is there. */
async function replacePlugin({ kind, path: place, target }: Exclude<CniStep, { kind: 'file' }>): Promise<void> {
  await mkdir(path.dirname(place), { recursive: true, mode: 0o755 })
  const temporary = path.join(path.dirname(place), `.${path.basename(place)}.${process.pid}.tmp`)
  try {
    if (kind === 'link') await symlink(target, temporary)
    else {
      await copyFile(target, temporary)
      await chmod(temporary, 0o755)
    }
    await rename(temporary, place)
  } finally {
    await rm(temporary, { force: true })
  }
}

function renderReport({ dryRun, host, cni, confDir, binDir, steps, faults, notes }: Report): string {
  const done = dryRun
    ? { file: 'would write', link: 'would link', copy: 'would copy' }
    : { file: 'wrote', link: 'linked', copy: 'copied' }
  const lines = [
    `${cni} on ${host}: ${confDir}, ${binDir}`,
    ...steps.map(
      (step) =>
        `${done[step.kind]} ${step.path}${step.target === null ? '' : `${step.kind === 'link' ? ' -> ' : ' from '}${step.target}`}`,
    ),
    ...faults.map((fault) => `missing: ${fault}`),
    ...notes.map((note) => `note: ${note}`),
    ...(steps.length + faults.length === 0 ? ['all is in place'] : []),
  ]
  return `${lines.map((line) => printable(line)).join('\n')}\n`
}
