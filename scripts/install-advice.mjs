// What the install script says when the addon cannot be compiled: which program or header is missing or too old, and what brings
// it, in the words of this distribution and of the package manager that runs. Pure functions; must not look at the machine.

const OLDEST = { 'g++': 10, clang: 14 }

/** Package names by family of distributions; `old` is how a newer compiler comes beside an old one. */
const DISTRIBUTIONS = {
  debian: {
    install: 'apt-get install',
    tools: { compiler: 'g++', make: 'make', python3: 'python3', headers: 'linux-libc-dev', libc: 'libc6-dev' },
    old: 'apt-get install g++-10 (or newer), then CXX=g++-10',
  },
  rhel: {
    install: 'dnf install',
    tools: { compiler: 'gcc-c++', make: 'make', python3: 'python3', headers: 'kernel-headers', libc: 'glibc-devel' },
    old: 'dnf install gcc-toolset-12-gcc-c++, then CXX=/opt/rh/gcc-toolset-12/root/usr/bin/g++',
  },
  fedora: {
    install: 'dnf install',
    tools: { compiler: 'gcc-c++', make: 'make', python3: 'python3', headers: 'kernel-headers', libc: 'glibc-devel' },
  },
  alpine: {
    install: 'apk add',
    tools: { compiler: 'g++', make: 'make', python3: 'python3', headers: 'linux-headers', libc: 'musl-dev' },
  },
  suse: {
    install: 'zypper install',
    tools: { compiler: 'gcc-c++', make: 'make', python3: 'python3', headers: 'linux-glibc-devel', libc: 'glibc-devel' },
    old: 'zypper install gcc12-c++, then CXX=g++-12',
  },
  arch: {
    install: 'pacman -S',
    tools: { compiler: 'gcc', make: 'make', python3: 'python', headers: 'linux-api-headers', libc: 'glibc' },
  },
}

/** A distribution by its own name, or by the names of those it is like; undefined: unknown. `osRelease`: text of os-release(5). */
export function distributionOf(osRelease) {
  const field = (name) => new RegExp(`^${name}=["']?([^"'\\n]*)`, 'm').exec(osRelease)?.[1] ?? ''
  for (const name of [field('ID'), ...field('ID_LIKE').split(' ')]) {
    const known = { opensuse: 'suse', sles: 'suse', centos: 'rhel' }[name] ?? name
    if (Object.hasOwn(DISTRIBUTIONS, known)) return known
  }
  return undefined
}

/** Lines about what is missing: keys of `tools` above. */
export function missingAdvice(missing, { distribution, compiler }) {
  const names = { compiler, headers: "the kernel's headers (linux/if_link.h)", libc: 'the headers of the C++ library' }
  const said = `compiling the addon needs a C++ compiler, make, python3 and the kernel's headers; missing: ${missing.map((one) => names[one] ?? one).join(', ')}.`
  return [said, installLine(missing, distribution)]
}

/** undefined: new enough, or unknown. `version`: what `COMPILER --version` prints. */
export function compilerAdvice(version, { distribution, compiler }) {
  const [, clang] = /\bclang version (\d+)/.exec(version) ?? []
  const [, gcc] = /^\S+ (?:\([^)]*\) )?(\d+)\.\d+/.exec(version) ?? []
  const [kind, major] = clang === undefined ? ['g++', gcc] : ['clang', clang]
  if (major === undefined || Number(major) >= OLDEST[kind]) return undefined
  const newer = DISTRIBUTIONS[distribution]?.old ?? 'install a newer one and name it: CXX=g++-12'
  return [`${kind} ${major} (${compiler}) is too old, ${OLDEST[kind]} or newer is needed.`, newer]
}

/** Headers that are there, but older than Linux 5.5. */
export function headersAdvice({ distribution }) {
  const update =
    distribution === undefined
      ? "update the package of the kernel's headers"
      : `update ${DISTRIBUTIONS[distribution].tools.headers}`
  return [
    "the kernel's headers are too old, those of Linux 5.5 or newer are needed (the running kernel may be older).",
    update,
  ]
}

/** How the same is done once more, by what runs the script: npm_config_user_agent. */
export function againWith(userAgent = '') {
  const [manager] = userAgent.split('/')
  if (manager === 'pnpm') return 'pnpm rebuild vtepd'
  if (manager === 'bun') return 'bun pm trust vtepd'
  if (manager === 'yarn') return userAgent.startsWith('yarn/1.') ? 'yarn install --force' : 'yarn rebuild vtepd'
  return 'npm rebuild vtepd'
}

function installLine(missing, distribution) {
  const known = DISTRIBUTIONS[distribution]
  if (known === undefined) return 'Install them by the means of this distribution (Debian: g++ make python3).'
  // linux/ comes with the C library's headers everywhere but on Alpine.
  return `${known.install} ${missing.map((one) => known.tools[one]).join(' ')}`
}
