// esbuild's plugin that bundles of @kubernetes/client-node what lib/kube-api/kube-config.ts uses: reading a kubeconfig and the
// options of a connection. Whole, it costs each agent 7 MB: classes of all the objects of the API, and a fetch that nobody
// calls. Must not: change what is used.
import path from 'node:path'

// Modules that are replaced where client-node imports them. A name that is not here is missing at build time.
const replaced = {
  // Its Headers are used by requests of the library's own.
  'node-fetch': `
    export default function fetch(...words) { return globalThis.fetch(...words) }
    export function Headers(...words) { return new globalThis.Headers(...words) }`,
  // client-node 1.4 hands its discovery a text where openid-client 6 wants a URL: it fails in any case, so say what helps.
  'openid-client': `
    export async function discovery() {
      throw new Error('the id-token of auth-provider oidc has expired, and nobody here renews it: use an exec plugin')
    }
    export const refreshTokenGrant = discovery`,
}

// Loaded when one is wanted: behind a proxy, or with an auth-provider of old.
const late = {
  'socks-proxy-agent': { SocksProxyAgent: 'new' },
  hpagent: { HttpProxyAgent: 'new', HttpsProxyAgent: 'new' },
  'jsonpath-plus': { JSONPath: '' },
}
for (const [name, uses] of Object.entries(late))
  replaced[name] = Object.entries(uses)
    .map(([each, how]) => `export function ${each}(...words) { return ${how} (require('${name}').${each})(...words) }`)
    .join('\n')

const own = /node_modules\/@kubernetes\/client-node\//

export const leanKubeClient = {
  name: 'lean-kube-client',
  setup(on) {
    on.onResolve({ filter: /^[a-z]/ }, ({ path: name, importer, resolveDir }) =>
      own.test(importer) && Object.hasOwn(replaced, name)
        ? { path: name, namespace: 'lean-kube-client', pluginData: resolveDir }
        : undefined,
    )
    on.onLoad({ filter: /./, namespace: 'lean-kube-client' }, ({ path: name, pluginData: resolveDir }) => ({
      contents: replaced[name],
      resolveDir,
    }))
    // Its index would bring everything else along, and it does not say that importing its modules does nothing.
    on.onResolve({ filter: /./ }, async ({ path: name, importer, resolveDir, kind, pluginData }) => {
      if (pluginData === 'resolved' || !(own.test(importer) || name === '@kubernetes/client-node')) return undefined
      const found = await on.resolve(name, { importer, resolveDir, kind, pluginData: 'resolved' })
      if (found.errors.length > 0 || !own.test(found.path)) return undefined
      const file = own.test(importer) ? found.path : path.join(path.dirname(found.path), 'config.js')
      return { ...found, path: file, sideEffects: false }
    })
  },
}
