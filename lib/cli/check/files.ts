/**
 * Whether the files that an agent keeps can be written, and whether the container runtime takes the CNI configuration that is meant.
 * Must not: write one.
 */
import path from 'node:path'
import { type CheckHost, type Finding, fine, prevents, warns } from './finding.ts'

const CNI_FOLDER = '/etc/cni/net.d'

export async function checkFiles(
  host: CheckHost,
  { subnetFile, stateDir }: { readonly subnetFile: string; readonly stateDir: string },
): Promise<readonly Finding[]> {
  return [
    await checkFolder(host, path.dirname(subnetFile), 'subnet.env is there, without which pods get no network'),
    await checkFolder(host, stateDir, 'what outlives a restart is kept there'),
    ...(await checkCni(host)),
  ]
}

async function checkFolder({ roomIn }: CheckHost, folder: string, because: string): Promise<Finding> {
  const about = 'files'
  const room = await roomIn(folder)
  if (room === undefined) return fine(about, `${folder} is made when it is needed`)
  if (!room.writable)
    return prevents(about, `${folder} cannot be written: ${because}`, `make it writable, or choose another folder`)
  return room.freeBytes === 0
    ? prevents(
        about,
        `there is no room on the file system of ${folder}: ${because}`,
        `df -h ${folder}: make room there`,
      )
    : fine(about, `${folder} can be written`)
}

/** The runtime takes the first by name. */
async function checkCni({ list, readText }: CheckHost): Promise<readonly Finding[]> {
  const about = 'CNI'
  const [first] = (await list(CNI_FOLDER)).filter((name) => /\.(?:conf|conflist|json)$/.test(name)).sort()
  if (first === undefined)
    return [
      warns(
        about,
        `${CNI_FOLDER} has no configuration: pods get no network`,
        'vtepd run --cni writes one (docs/cni.md)',
      ),
    ]
  const text = (await readText(`${CNI_FOLDER}/${first}`)) ?? ''
  return [
    /flannel|cbr0|multus/.test(text)
      ? fine(about, `the runtime takes ${CNI_FOLDER}/${first}`)
      : warns(
          about,
          `the runtime takes ${CNI_FOLDER}/${first}, which is of another plugin`,
          `remove it, unless it is meant: rm ${CNI_FOLDER}/${first}`,
        ),
  ]
}
