#!/bin/busybox sh
# First process of the machine: mounts the root that QEMU lends (read-only, what is written stays in memory), and runs /job/run
# in it. The machine goes off when that ends. Needs the modules in /modules, named so that their order is that of loading.
export PATH=/bin:/sbin
/bin/busybox mkdir -p /proc /sys /dev /root /lent /written
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in /modules/*; do
  insmod "$module" || echo "vtepd: $module was not loaded"
done
lent() { mount -t 9p -o "trans=virtio,version=9p2000.L,msize=262144,cache=loose,$3" "$1" "$2" || echo "vtepd: no $1"; }
lent root /lent ro
mount -t tmpfs -o size=75% tmpfs /written
mkdir /written/upper /written/work
mount -t overlay -o lowerdir=/lent,upperdir=/written/upper,workdir=/written/work overlay /root
mkdir -p /root/job "/root/lib/modules/$(uname -r)" /root/dev /root/proc /root/sys /root/run /root/tmp
lent job /root/job ro
lent modules "/root/lib/modules/$(uname -r)" ro
mount --move /proc /root/proc
mount --move /sys /root/sys
mount --move /dev /root/dev
mkdir -p /root/dev/pts /root/dev/shm
mount -t devpts devpts /root/dev/pts
mount -t tmpfs tmpfs /root/dev/shm
# As udev has it: the module is loaded by whoever opens it.
mkdir -p /root/dev/net
mknod -m 666 /root/dev/net/tun c 10 200
mount -t tmpfs tmpfs /root/run
# The kernel asks for modules by this program, in the root of the first process.
rm -f /root/sbin/modprobe
cp /bin/busybox /root/sbin/modprobe
exec switch_root /root /bin/sh /job/run
