/**
 * What others have in the packet filter, in the form of firewalld, Docker, kube-proxy with kube-router, Red Hat and ufw, as scripts
 * of a shell. In those of iptables, `iptables-V` stands for one of its variants.
 */

/** firewalld's rules with its default zone, as version 1.3 makes them; `trusted`: what it adds for sources of that zone. */
export const firewalld = (trusted = '', ports = ''): string => `nft -f - <<'X'
table inet firewalld {
  chain mangle_PREROUTING { type filter hook prerouting priority mangle + 10; policy accept; jump mangle_PREROUTING_ZONES; }
  chain mangle_PREROUTING_ZONES { iifname "eth0" goto mangle_PRE_public; goto mangle_PRE_public; }
  chain mangle_PRE_public { }
  chain filter_PREROUTING { type filter hook prerouting priority filter + 10; policy accept
    icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
    meta nfproto ipv6 fib saddr . mark . iif oif missing drop
  }
  chain filter_IN_trusted { accept; }
  chain filter_IN_public_allow { tcp dport 22 accept; ip6 daddr fe80::/64 udp dport 546 accept; ${ports} }
  chain filter_IN_public { jump filter_IN_public_allow; meta l4proto { icmp, ipv6-icmp } accept; }
  chain filter_INPUT_ZONES { ${trusted.replaceAll('FWD', 'IN')} iifname "eth0" goto filter_IN_public; goto filter_IN_public; }
  chain filter_INPUT { type filter hook input priority filter + 10; policy accept
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    ct state invalid drop
    jump filter_INPUT_ZONES
    reject with icmpx admin-prohibited
  }
  chain filter_FWD_trusted { accept; }
  chain filter_FWD_public_allow { oifname "eth0" ct state related accept; }
  chain filter_FWD_public { jump filter_FWD_public_allow; meta l4proto { icmp, ipv6-icmp } accept; }
  chain filter_FORWARD_ZONES { ${trusted} iifname "eth0" goto filter_FWD_public; goto filter_FWD_public; }
  chain filter_FORWARD { type filter hook forward priority filter + 10; policy accept
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    ct state invalid drop
    ip6 daddr { ::/96, ::ffff:0.0.0.0/96, 2002::/24 } reject with icmpv6 addr-unreachable
    jump filter_FORWARD_ZONES
    reject with icmpx admin-prohibited
  }
  chain filter_OUTPUT { type filter hook output priority filter + 10; policy accept
    ct state { established, related } accept
    oifname "lo" accept
  }
}
X`

export const DOCKER = `
  iptables-V -P FORWARD DROP
  for c in DOCKER DOCKER-USER DOCKER-FORWARD DOCKER-BRIDGE DOCKER-CT DOCKER-ISOLATION-STAGE-1 DOCKER-ISOLATION-STAGE-2; do iptables-V -N $c; done
  iptables-V -A FORWARD -j DOCKER-USER
  iptables-V -A FORWARD -j DOCKER-FORWARD
  iptables-V -A DOCKER-USER -j RETURN
  iptables-V -A DOCKER-FORWARD -j DOCKER-CT
  iptables-V -A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1
  iptables-V -A DOCKER-FORWARD -j DOCKER-BRIDGE
  iptables-V -A DOCKER-FORWARD -i docker0 -j ACCEPT
  iptables-V -A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
  iptables-V -A DOCKER-BRIDGE -o docker0 -j DOCKER
  iptables-V -A DOCKER ! -i docker0 -o docker0 -j DROP
  iptables-V -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
  iptables-V -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
  iptables-V -t raw -A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP`

export const KUBE = `
  for c in KUBE-FORWARD KUBE-SERVICES KUBE-EXTERNAL-SERVICES KUBE-PROXY-FIREWALL KUBE-ROUTER-FORWARD KUBE-POD-FW-A KUBE-FIREWALL; do iptables-V -N $c; done
  iptables-V -A FORWARD -m conntrack --ctstate NEW -j KUBE-PROXY-FIREWALL
  iptables-V -A FORWARD -j KUBE-FORWARD
  iptables-V -A FORWARD -m conntrack --ctstate NEW -j KUBE-SERVICES
  iptables-V -I FORWARD -m comment --comment "kube-router netpol" -j KUBE-ROUTER-FORWARD
  iptables-V -A KUBE-ROUTER-FORWARD -d 10.42.1.5/32 -j KUBE-POD-FW-A
  iptables-V -A KUBE-POD-FW-A -m mark ! --mark 0x10000/0x10000 -j REJECT
  iptables-V -A KUBE-POD-FW-A -j MARK --set-xmark 0x20000/0x20000
  iptables-V -A KUBE-ROUTER-FORWARD -m mark --mark 0x20000/0x20000 -j ACCEPT
  iptables-V -A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
  iptables-V -A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
  iptables-V -A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`

export const OURS = `
  iptables-V -N FLANNEL-FWD
  iptables-V -A FLANNEL-FWD -s 10.42.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
  iptables-V -A FLANNEL-FWD -d 10.42.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
  iptables-V -A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD`

export const REDHAT = `
  iptables-V -A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
  iptables-V -A INPUT -p icmp -j ACCEPT
  iptables-V -A INPUT -i lo -j ACCEPT
  iptables-V -A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT
  iptables-V -A INPUT -j REJECT --reject-with icmp-host-prohibited
  iptables-V -A FORWARD -j REJECT --reject-with icmp-host-prohibited`

export const UFW = `
  iptables-V -P FORWARD DROP; iptables-V -P INPUT DROP
  for c in ufw-before-forward ufw-user-forward ufw-reject-forward ufw-before-input ufw-user-input; do iptables-V -N $c; done
  iptables-V -A FORWARD -j ufw-before-forward; iptables-V -A FORWARD -j ufw-reject-forward
  iptables-V -A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
  iptables-V -A ufw-before-forward -p icmp -m icmp --icmp-type 8 -j ACCEPT
  iptables-V -A ufw-before-forward -j ufw-user-forward
  iptables-V -A ufw-reject-forward -j REJECT
  iptables-V -A INPUT -j ufw-before-input
  iptables-V -A ufw-before-input -i lo -j ACCEPT
  iptables-V -A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
  iptables-V -A ufw-before-input -d 224.0.0.251/32 -p udp -m udp --dport 5353 -j ACCEPT
  iptables-V -A ufw-before-input -j ufw-user-input
  iptables-V -A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT`
