/**
 * Where this host's kubelet keeps its kubeconfig: kubeadm's place, and k3s' and rke2's below their `--data-dir`. May be asked at
 * any time; what is not there yet is found later.
 * Must not: open a credential, or ask /proc: a process of any pod may call itself kubelet and name a file of its own.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { isRecord } from '../util/go-json.ts'
import { isMissing } from './files.ts'

const KUBEADM = '/etc/kubernetes/kubelet.conf'

interface Distribution {
  readonly name: string
  readonly units: readonly string[]
}

const DISTRIBUTIONS: readonly Distribution[] = [
  { name: 'k3s', units: ['k3s', 'k3s-agent'] },
  { name: 'rke2', units: ['rke2-server', 'rke2-agent'] },
]

/** Where their installers put a unit, and the environment that it names. */
const UNIT_FOLDERS = ['/etc/systemd/system', '/usr/local/lib/systemd/system', '/usr/lib/systemd/system']
const ENVIRONMENT_FOLDERS = ['/etc/default', '/etc/sysconfig']

/**
 * Absolute paths, the likeliest first; only of files that exist, or of which that cannot be told. Never rejects. `root` is where
 * the host's files are; only tests give another.
 */
export async function findKubeletKubeconfigs(root = '/'): Promise<readonly string[]> {
  const inFolders = await Promise.all(DISTRIBUTIONS.map((distribution) => kubeconfigsOf(distribution, root)))
  const there = await Promise.all([KUBEADM, ...inFolders.flat()].map((file) => whereThere(path.join(root, file))))
  return there.filter((file) => file !== undefined)
}

/** As the distribution reads it: the command line before the environment before the files of settings; at last the default. */
async function kubeconfigsOf(distribution: Distribution, root: string): Promise<readonly string[]> {
  const { name } = distribution
  const given = [...(await fromUnits(distribution, root)), ...(await fromSettings(name, root))]
  return [...new Set([...given, `/var/lib/rancher/${name}`])]
    .filter((folder) => path.isAbsolute(folder))
    .map((folder) => path.join(folder, 'agent/kubelet.kubeconfig'))
}

async function fromUnits({ name, units }: Distribution, root: string): Promise<readonly string[]> {
  const folders = UNIT_FOLDERS.map((folder) => path.join(root, folder))
  const texts = units.flatMap((unit) =>
    folders.flatMap((folder) => [
      read(path.join(folder, `${unit}.service`)),
      readAll(path.join(folder, `${unit}.service.d`), '.conf'),
      read(path.join(folder, `${unit}.service.env`)),
      read(path.join(folder, `${unit}.env`)),
    ]),
  )
  const defaults = units.flatMap((unit) => ENVIRONMENT_FOLDERS.map((folder) => read(path.join(root, folder, unit))))
  const text = (await Promise.all([...texts, ...defaults])).join('\n').replace(/\\\r?\n/g, ' ')
  return [...text.matchAll(FLAG), ...text.matchAll(variable(name))].map(
    ([, single, double, plain]) => single ?? double ?? plain ?? '',
  )
}

/** A word as a shell or systemd quotes it. */
const WORD = `(?:'([^'\\n]+)'|"([^"\\n]+)"|([^\\s'"]+))`
/** `--data-dir X`, `'--data-dir' 'X'` as k3s' installer writes it, `--data-dir=X`, `-d X`. */
const FLAG = new RegExp(`(?<=\\s)["']?(?:--?data-dir|-d)(?:["']?\\s+|=)${WORD}`, 'g')

function variable(name: string): RegExp {
  return new RegExp(`^\\s*(?:Environment=["']?)?${name.toUpperCase()}_DATA_DIR=${WORD}`, 'gm')
}

/** `data-dir` of config.yaml, and of the files beside it, whose last one counts. */
async function fromSettings(name: string, root: string): Promise<readonly string[]> {
  const file = path.join(root, 'etc/rancher', name, 'config.yaml')
  const texts = [await read(file), await readAll(`${file}.d`, '.yaml')]
  const named = texts.join('\n---\n')
  if (!named.includes('data-dir')) return []
  const { parseAllDocuments } = await import('yaml')
  const found: string[] = []
  for (const document of parseAllDocuments(named)) {
    const settings: unknown = document.errors.length > 0 ? undefined : document.toJS()
    const folder = isRecord(settings) ? settings['data-dir'] : undefined
    if (typeof folder === 'string') found.unshift(folder)
  }
  return found
}

async function readAll(folder: string, ending: string): Promise<string> {
  const names = await readdir(folder).catch(() => [])
  const files = names.filter((name) => name.endsWith(ending)).sort()
  return (await Promise.all(files.map((name) => read(path.join(folder, name))))).join('\n---\n')
}

async function read(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '')
}

/** One that may not be looked at counts as there: who opens it says why it cannot. */
async function whereThere(file: string): Promise<string | undefined> {
  try {
    await stat(file)
    return file
  } catch (error) {
    return isMissing(error) ? undefined : file
  }
}
