"""Whose doing a request is, by its network address: what is counted for one source, so that nobody tries for ever."""

from ipaddress import IPv4Address, IPv6Address, ip_address


def address(source: str) -> IPv4Address | IPv6Address:
    """One of IPv4 also where a socket of IPv6 took the call (::ffff:192.0.2.1). Raises ValueError for no address."""
    found = ip_address(source)
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def network(source: str) -> str:
    """The address that somebody cannot change at will: of IPv6 the first half, the rest is theirs to choose.

    Empty for this very machine: that is a proxy that nobody declared, with all the shop's visitors behind it. What is
    no address is given back as it is.
    """
    try:
        found = address(source)
    except ValueError:
        return source
    if found.is_loopback:
        return ""
    return found.exploded[:19] if found.version == 6 else str(found)
