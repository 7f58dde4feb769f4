import { describe, expect, it } from "vitest"
import { publicAddresses } from "./addresses.js"

const isPublic = publicAddresses({
  eth0: [{ address: "93.184.1.7", cidr: "93.184.1.7/24", family: "IPv4", internal: false, mac: "", netmask: "" }],
})

describe("publicAddresses", () => {
  it.each(["8.8.8.8", "1.1.1.1", "172.32.0.1", "93.184.2.1", "2606:4700::1111", "::ffff:8.8.8.8"])(
    "lets %s be asked",
    (address) => {
      expect(isPublic(address)).toBe(true)
    },
  )

  it.each([
    ...[
      "127.0.0.1",
      "127.9.9.9",
      "0.0.0.0",
      "10.1.2.3",
      "172.16.0.1",
      "172.31.255.255",
      "192.168.1.1",
      "169.254.169.254",
    ],
    ...["100.64.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "93.184.1.200"],
    ...["::1", "::", "fe80::1", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1"],
    ...[
      "::ffff:127.0.0.1",
      "::ffff:7f00:1",
      "::ffff:a9fe:a9fe",
      "64:ff9b::7f00:1",
      "2002:7f00:1::",
      "::127.0.0.1",
      "2001:0:1::",
    ],
    ...["", "localhost", "1.2.3", "0x7f.1"],
  ])("refuses %s", (address) => {
    expect(isPublic(address)).toBe(false)
  })
})
