#!/bin/sh
# Debian: "remove", "purge", "upgrade" and others. RPM: 0 for the removal, 1 for an upgrade, and it knows no purge.
# What a purge takes is the agent's memory of the cluster; of /etc/vtepd only what the package brought.
set -e
case "$1" in
  remove | 0)
    if [ -d /run/systemd/system ] && command -v systemctl >/dev/null; then systemctl daemon-reload || true; fi
    ;;
  purge) rm -rf /var/lib/vtepd ;;
esac
exit 0
