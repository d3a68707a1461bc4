//! What kind of network an address belongs to.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks of version 4 that are not the public Internet: RFC 6890 and its registry, and addresses in public networks
/// at which clouds answer their own machines.
const V4: [(&str, [u8; 4], u8); 17] = [
    ("this machine", [0, 0, 0, 0], 8),
    ("private", [10, 0, 0, 0], 8),
    ("shared", [100, 64, 0, 0], 10),
    ("loopback", [127, 0, 0, 0], 8),
    ("link-local", [169, 254, 0, 0], 16),
    ("private", [172, 16, 0, 0], 12),
    ("reserved", [192, 0, 0, 0], 24),
    ("documentation", [192, 0, 2, 0], 24),
    ("relays", [192, 88, 99, 0], 24),
    ("private", [192, 168, 0, 0], 16),
    ("benchmarks", [198, 18, 0, 0], 15),
    ("documentation", [198, 51, 100, 0], 24),
    ("documentation", [203, 0, 113, 0], 24),
    ("metadata", [168, 63, 129, 16], 32),
    ("multicast", [224, 0, 0, 0], 4),
    ("broadcast", [255, 255, 255, 255], 32),
    ("reserved", [240, 0, 0, 0], 4),
];

/// Those of version 6, beside all that is not in 2000::/3.
const V6: [(&str, [u16; 4], u8); 9] = [
    ("loopback or unspecified", [0, 0, 0, 0], 64),
    ("discarded", [0x100, 0, 0, 0], 64),
    ("special", [0x2001, 0, 0, 0], 23),
    ("documentation", [0x2001, 0xdb8, 0, 0], 32),
    ("documentation", [0x3fff, 0, 0, 0], 20),
    ("private", [0xfc00, 0, 0, 0], 7),
    ("link-local", [0xfe80, 0, 0, 0], 10),
    ("private", [0xfec0, 0, 0, 0], 10),
    ("multicast", [0xff00, 0, 0, 0], 8),
];

/// Addresses of version 6 in which one of version 4 is written, and where.
const WRITTEN: [([u16; 6], u8, usize); 5] = [
    ([0, 0, 0, 0, 0, 0xffff], 96, 12),    // mapped
    ([0x64, 0xff9b, 0, 0, 0, 0], 96, 12), // translated, RFC 6052
    ([0x64, 0xff9b, 1, 0, 0, 0], 48, 12), // translated in one's own network, RFC 8215
    ([0x2002, 0, 0, 0, 0, 0], 16, 2),     // 6to4, RFC 3056
    ([0, 0, 0, 0, 0xffff, 0], 96, 12),    // translated, RFC 2765
];

/// The network that is not public to which an address belongs, by its kind; `None` for a public one.
pub(crate) fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => V4.iter().find_map(|(kind, network, len)| {
            let network = Ipv4Net::new((*network).into(), *len).ok()?;
            network.contains(&address).then_some(*kind)
        }),
        IpAddr::V6(address) => {
            if let Some(inner) = written(address) {
                return special(inner.into());
            }
            if let Some(kind) = V6.iter().find_map(|(kind, [a, b, c, d], len)| {
                let network = Ipv6Addr::new(*a, *b, *c, *d, 0, 0, 0, 0);
                let network = Ipv6Net::new(network, *len).ok()?;
                network.contains(&address).then_some(*kind)
            }) {
                return Some(kind);
            }
            // All that has been given out so far.
            (address.segments()[0] & 0xe000 != 0x2000).then_some("reserved")
        }
    }
}

/// The address of version 4 that is written in one of version 6.
fn written(address: Ipv6Addr) -> Option<Ipv4Addr> {
    WRITTEN.iter().find_map(|([a, b, c, d, e, f], len, at)| {
        let network = Ipv6Net::new(Ipv6Addr::new(*a, *b, *c, *d, *e, *f, 0, 0), *len).ok()?;
        if !network.contains(&address) {
            return None;
        }
        let octets = address.octets();
        let inner: [u8; 4] = octets.get(*at..at + 4)?.try_into().ok()?;
        Some(inner.into())
    })
}

/// One address has one form here: that of version 4, where it is mapped into version 6.
pub(crate) fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Whether a network has an address, in whichever way that is written.
pub(crate) fn covers(network: &IpNet, address: IpAddr) -> bool {
    network.contains(&plain(address)) || network.contains(&address)
}

/// Whether a host is written as a number in some way that systems take for an address: decimal, octal, hexadecimal,
/// with fewer than four parts.
pub(crate) fn is_number(host: &str) -> bool {
    let last = host.strip_suffix('.').unwrap_or(host).rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_public_is_known_in_every_spelling() {
        let special_ones = "127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 \
            169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.192 192.168.1.1 198.18.0.1 224.0.0.1 239.1.1.1 \
            240.0.0.1 255.255.255.255 168.63.129.16 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 \
            ::ffff:a9fe:a9fe 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::a00:1 2002:7f00:1:: 2002:a9fe:a9fe::1 \
            ::ffff:0:127.0.0.1 fe80::1 fec0::1 fc00::1 fd00:ec2::254 ff02::1 2001::1 2001:db8::1 100::1 4000::1 \
            8000::1 5f00::1";
        for text in special_ones.split_whitespace() {
            let address = text.parse().expect(text);
            assert!(special(address).is_some(), "{text}");
        }
        for text in
            "1.1.1.1 8.8.8.8 172.15.0.1 172.32.0.1 100.63.0.1 100.128.0.1 192.0.1.1 11.0.0.1 \
            2606:4700::1111 2a00:1450::1 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1"
                .split_whitespace()
        {
            let address = text.parse().expect(text);
            assert_eq!(special(address), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_no_names() {
        for text in [
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.1",
            "1.2.3.4",
            "1.2.3.4.",
            "0x7f.1",
            "a.1",
            "0x",
        ] {
            assert!(is_number(text), "{text}");
        }
        for text in ["example.com", "1.example", "0x7g", "localhost", "x1", "1a", ""] {
            assert!(!is_number(text), "{text}");
        }
    }
}
