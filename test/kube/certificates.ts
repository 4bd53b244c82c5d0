/** A certificate authority, an API server's certificate and clients' certificates, made by openssl, good for two days. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** Paths of PEM files. */
export interface Issued {
  readonly cert: string
  readonly key: string
}

export interface Authority {
  /** Path of its certificate, in PEM. */
  readonly ca: string
  /** For a server on loopback. */
  readonly serving: Issued
  /** A client whom the API server knows by this name, and as one of `group`. `file`: where it is written, without extension. */
  issue(commonName: string, file: string, group?: string): Issued
}

/** Writes everything under `folder`, whose files of these names are overwritten: a renewal makes a new authority. */
export function createAuthority(folder: string, name = 'ca'): Authority {
  const file = (ending: string): string => path.join(folder, ending)
  const [ca, caKey] = [file(`${name}.crt`), file(`${name}.key`)]
  const basic = 'basicConstraints=critical,CA:TRUE'
  openssl('req', '-x509', ...newKey(caKey), '-out', ca, '-days', '2', '-subj', `/CN=${name}`, '-addext', basic)
  const issue = (subject: string, base: string, extension: string): Issued => {
    const issued = { cert: `${base}.crt`, key: `${base}.key` }
    const [request, extensions] = [`${base}.csr`, `${base}.ext`]
    writeFileSync(extensions, `${extension}\n`)
    openssl('req', ...newKey(issued.key), '-out', request, '-subj', subject)
    const signed = ['-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-days', '2', '-extfile', extensions]
    openssl('x509', '-req', '-in', request, '-out', issued.cert, ...signed)
    return issued
  }
  return {
    ca,
    serving: issue('/CN=kube-apiserver', file(`${name}-serving`), 'subjectAltName=DNS:localhost,IP:127.0.0.1'),
    issue: (commonName, base, group) =>
      issue(`${group === undefined ? '' : `/O=${group}`}/CN=${commonName}`, base, 'extendedKeyUsage=clientAuth'),
  }
}

export function pem(file: string): string {
  return readFileSync(file, 'utf8')
}

function newKey(file: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file]
}

function openssl(...words: string[]): void {
  const { status, stderr, error } = spawnSync('openssl', words, { encoding: 'utf8' })
  if (error !== undefined) throw new Error(`cannot run openssl: ${error.message}`)
  if (status !== 0) throw new Error(`openssl ${words[0]}: ${stderr}`)
}
