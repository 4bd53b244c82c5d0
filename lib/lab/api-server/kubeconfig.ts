/** The kubeconfig by which clients find the embedded API server. Must not: write files. */

/** YAML with one cluster, one user, one context; without a token the user has no credentials. `ca` as PEM, for https. */
export function renderKubeconfig(server: string, token: string | undefined, ca?: string): string {
  const user = token === undefined ? '{}' : `{ token: ${JSON.stringify(token)} }`
  const authority =
    ca === undefined ? '' : `, certificate-authority-data: ${JSON.stringify(Buffer.from(ca).toString('base64'))}`
  return [
    'apiVersion: v1',
    'kind: Config',
    'clusters:',
    `- { name: lab, cluster: { server: ${JSON.stringify(server)}${authority} } }`,
    'users:',
    `- { name: lab, user: ${user} }`,
    'contexts:',
    '- { name: lab, context: { cluster: lab, user: lab } }',
    'current-context: lab',
    '',
  ].join('\n')
}
