"""Whose doing a request is, by its network address: what is counted for one source, so that nobody tries for ever."""

from ipaddress import IPv6Address, ip_address


def network(source: str) -> str:
    """The address that somebody cannot change at will: of IPv6 the first half, the rest is theirs to choose.

    One of IPv4 is the same when a socket of IPv6 took the call (::ffff:192.0.2.1). Empty for this very machine: that is
    a proxy that nobody declared, with all the shop's visitors behind it. What is no address is given back as it is.
    """
    try:
        address = ip_address(source)
    except ValueError:
        return source
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback:
        return ""
    return address.exploded[:19] if address.version == 6 else str(address)
