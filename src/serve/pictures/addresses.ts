/** Addresses of the network that anybody on the internet may see: a picture's address must not lead to what only this machine can reach. */

import { BlockList, isIP } from "node:net"
import { networkInterfaces } from "node:os"

/** Private, loopback, link-local, shared, reserved, documentation, multicast. */
const IPV4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
]
/** The same, and what holds an IPv4 address inside: it is looked at by its own form only. */
const IPV6 = [
  "::/96",
  "64:ff9b::/96",
  "64:ff9b:1::/48",
  "100::/64",
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "3fff::/20",
  "5f00::/16",
  "fc00::/7",
  "fe80::/9",
  "ff00::/8",
]

/** @param interfaces of this machine, whose networks are its own affair whatever their addresses are */
export function publicAddresses(interfaces = networkInterfaces()): (address: string) => boolean {
  const list = new BlockList()
  for (const network of IPV4) list.addSubnet(...parts(network), "ipv4")
  for (const network of IPV6) list.addSubnet(...parts(network), "ipv6")
  for (const { cidr, family } of Object.values(interfaces).flatMap((found) => found ?? []))
    if (cidr !== null) list.addSubnet(...parts(cidr), family === "IPv4" ? "ipv4" : "ipv6")
  return (address) => {
    const mapped = /^::ffff:(?:(\d+\.\d+\.\d+\.\d+)|([\da-f]{1,4}):([\da-f]{1,4}))$/i.exec(address)
    if (mapped) return isPublic(list, mapped[1] ?? dotted(mapped[2], mapped[3]))
    return isPublic(list, address)
  }
}

function isPublic(list: BlockList, address: string): boolean {
  const family = isIP(address)
  return family !== 0 && !list.check(address, family === 4 ? "ipv4" : "ipv6")
}

function dotted(high: string, low: string): string {
  const bits = (Number.parseInt(high, 16) << 16) | Number.parseInt(low, 16)
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join(".")
}

function parts(network: string): [address: string, prefix: number] {
  const [address, prefix] = network.split("/")
  return [address, Number(prefix)]
}
