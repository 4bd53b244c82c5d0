#!/bin/sh
# Debian: "remove", or "upgrade" and the version to come. RPM: 0 for the removal, 1 for an upgrade.
# The agent ends and the overlay stays, as whenever it ends: pods keep their network until something else takes over.
set -e
case "$1" in remove | 0) ;; *) exit 0 ;; esac
if [ -d /run/systemd/system ] && command -v systemctl >/dev/null; then
  systemctl disable --now vtepd.service || true
fi
echo "vtepd: the overlay stays in the kernel. To remove it too: 'vtepd cleanup', before the package goes" >&2
exit 0
