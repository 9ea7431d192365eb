"""Which addresses a server of the allow-list may turn out to have.

A name on the list is the hospital's; whoever answers for the name is not. So each address that it resolves to is
looked at, and the one that was looked at is the one that is connected to (see ``transport``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Where cloud machines ask for their own credentials: no FHIR server is there, so no setting opens them.
METADATA = frozenset(
    map(ip_address, ("169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "fd00:ec2::254"))
)
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address that is reached
# RFC 8215 (NAT64 of a network's own), RFC 4291 2.5.5.1 and RFC 3879 (both given up): never taken for public
NOT_PUBLIC = tuple(map(IPv6Network, ("64:ff9b:1::/48", "::/96", "fec0::/10")))


def may_be_reached(text: str, networks: Iterable[Network]) -> bool:
    """Whether an address is public, or private and listed; for one that hides another, whether both are.

    >>> may_be_reached("10.0.0.7", []), may_be_reached("10.0.0.7", [IPv4Network("10.0.0.0/8")])
    (False, True)
    >>> may_be_reached("::ffff:169.254.169.254", [IPv6Network("::/0"), IPv4Network("0.0.0.0/0")])
    False
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    listed = tuple(networks)
    return all(_allowed(one, listed) for one in _faces(address))


def _faces(address: Address) -> Iterator[Address]:
    """The address that packets really reach, whatever way it is written in."""
    if isinstance(address, IPv4Address):
        yield address
        return
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
    if address in NAT64:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is not None:
        yield inner
    if address.ipv4_mapped is None and address not in NAT64:  # those two are the inner one and nothing else
        yield address


def _allowed(address: Address, listed: tuple[Network, ...]) -> bool:
    if address in METADATA or address.is_multicast or address.is_unspecified:
        return False
    public = address.is_global and not any(address in network for network in NOT_PUBLIC)
    return public or any(address.version == network.version and address in network for network in listed)
