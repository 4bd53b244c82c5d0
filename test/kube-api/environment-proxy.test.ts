import assert from 'node:assert/strict'
import { test } from 'node:test'
import { environmentProxy } from '../../lib/kube-api/environment-proxy.ts'
import { openKubeTarget } from '../../lib/kube-api/kube-config.ts'

const server = new URL('https://api.Example.COM:6443')
const proxy = 'http://10.0.0.9:3128/'

test('a proxy is taken from the environment as Go takes it', () => {
  for (const [url, env, expected] of [
    [server, {}, undefined],
    [server, { HTTPS_PROXY: proxy }, proxy],
    [server, { https_proxy: '10.0.0.9:3128' }, proxy],
    [server, { HTTPS_PROXY: '', https_proxy: proxy }, proxy],
    [server, { HTTP_PROXY: proxy }, undefined],
    [new URL('http://api.example.com'), { http_proxy: proxy }, proxy],
    [new URL('http://api.example.com'), { HTTPS_PROXY: proxy }, undefined],
    [new URL('https://localhost:6443'), { HTTPS_PROXY: proxy }, undefined],
    [new URL('https://127.1.2.3:6443'), { HTTPS_PROXY: proxy }, undefined],
    [new URL('https://[::1]:6443'), { HTTPS_PROXY: proxy }, undefined],
  ] as const)
    assert.equal(environmentProxy(url, env), expected, `${url} ${JSON.stringify(env)}`)
  assert.throws(() => environmentProxy(server, { HTTPS_PROXY: 'http://[' }), TypeError)
})

test('who is excepted, by name, domain, address or network, with or without a port, is reached without it', () => {
  const named = (url: string, exceptions: string): boolean =>
    environmentProxy(new URL(url), { HTTPS_PROXY: proxy, NO_PROXY: exceptions }) === undefined
  for (const [url, exceptions, excepted] of [
    [server.href, '*', true],
    [server.href, 'API.example.com', true],
    [server.href, 'Example.Com', true],
    [server.href, '.EXAMPLE.com', true],
    [server.href, '*.example.com', true],
    [server.href, 'ample.com', false],
    ['https://example.com', '.example.com', false],
    [server.href, 'x, example.com:6443', true],
    [server.href, 'example.com:443', false],
    ['https://example.com', 'example.com:443', true],
    ['https://10.43.0.1', '10.43.0.0/16', true],
    ['https://10.44.0.1', '10.43.0.0/16', false],
    ['https://10.43.0.1', '10.43.0.1', true],
    ['https://10.43.0.1', '10.43.0.1:443', true],
    ['https://10.43.0.1', '0.1', false],
    ['https://[fd00::1]', 'fd00::/8', true],
    ['https://[fd00::1]', 'fd00::1', true],
    ['https://[fd00::1]', '[fd00::1]:443', true],
    ['https://[fd00::1]', '10.43.0.0/16', false],
    [server.href, ', ,10.43.0.0/99,/8,[', false],
  ] as const)
    assert.equal(named(url, exceptions), excepted, `${url} ${exceptions}`)
})

test('the API server is reached through it, and what is no URL is named', async (t) => {
  const open = (env: Record<string, string>) =>
    openKubeTarget({ kubeconfigFile: undefined, apiUrl: 'https://10.0.0.1', serviceAccountDir: '/nowhere', env })
  for (const [env, agent] of [
    [{ HTTPS_PROXY: proxy }, 'HttpsProxyAgent'],
    [{ HTTPS_PROXY: proxy, NO_PROXY: '10.0.0.0/8' }, 'Agent'],
  ] as const) {
    const target = await open(env)
    t.after(() => target.close())
    assert.equal(target.options.agent?.constructor.name, agent)
  }
  await assert.rejects(open({ HTTPS_PROXY: 'http://[' }), /HTTPS_PROXY: is no URL/)
})
