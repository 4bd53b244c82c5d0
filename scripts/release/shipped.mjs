// What releases consist of, where more than one script has to know it.

/** The major version of Node.js in the archive, the packages and the image (docs/install.md says why this one). */
export const SHIPPED_NODE = 26
/** In Node's words. */
export const ARCHITECTURES = ['x64', 'arm64']
/** No file of the archive may ask for a newer C library. */
export const OLDEST_GLIBC = '2.28'
/** For which there is a prebuilt addon: linux-ARCH-LIBC. */
export const MACHINES = ['linux-x64-glibc', 'linux-arm64-glibc', 'linux-x64-musl', 'linux-arm64-musl']
