/** The name of this host's Node, as k3s gives it to the kubelet. */
import { X509Certificate } from 'node:crypto'
import { ConfigError } from '../../errors.ts'
import type { HostFiles } from './host-files.ts'
import type { K3sSettings, Told } from './settings.ts'

/**
 * What the kubelet's certificate says is what it runs as, whatever was set since; where there is none yet, as k3s derives it:
 * node-name, else the host's name, in lower case, with the node's id where that is asked for.
 */
export function findNodeName(files: HostFiles, settings: K3sSettings, dataDir: string): Told<string> {
  const certificate = `${dataDir}/agent/client-kubelet.crt`
  const certified = nameIn(files.peek(certificate))
  return certified === undefined ? derivedName(files, settings) : { value: certified, from: certificate }
}

function derivedName(files: HostFiles, settings: K3sSettings): Told<string> {
  const named = settings.text('node-name')
  const base = (named?.value ?? files.hostname).toLowerCase()
  const from = named?.from ?? "the host's name"
  const withId = settings.on('with-node-id')
  if (withId?.value !== true) return { value: base, from }
  const id = files.peek('/etc/rancher/node/id')?.trim() ?? ''
  if (id === '')
    throw new ConfigError(
      withId.from,
      'the node’s id is not there yet (/etc/rancher/node/id): start k3s once, or set NODE_NAME',
    )
  return { value: `${base}-${id}`, from: `${from}, ${withId.from}` }
}

function nameIn(pem: string | undefined): string | undefined {
  if (pem === undefined) return undefined
  try {
    return /^CN=system:node:(\S+)$/m.exec(new X509Certificate(pem).subject)?.[1]
  } catch {
    return undefined
  }
}
