/** What a refusal of the API server usually means for vtepd, as a remark behind the server's own words. Must not: know who asked. */

/** Begins with a blank; empty where the server's words say it all. `status` is HTTP's. */
export function adviceOn(method: string, path: string, status: number, reason: string): string {
  if (status === 401) return ' (the credentials are not accepted: expired, or of another cluster?)'
  if (status !== 403 || reason.includes('ValidatingAdmissionPolicy')) return ''
  if (method === 'PATCH')
    return " (on a host the kubelet's credential writes the Node, --publish-kubeconfig; in a DaemonSet deploy/rbac-daemonset.yaml gives the right)"
  if (path.includes('/pods/')) return ' (set NODE_NAME, in a pod from spec.nodeName, and no right on pods is needed)'
  // Since Kubernetes 1.32 a kubelet may read its own Node only.
  if (reason.includes('"system:node:'))
    return " (these are a kubelet's credentials, which are not enough to read: with k3s give agent/k3scontroller.kubeconfig)"
  return ' (vtepd needs the rights get, list, watch on nodes)'
}
