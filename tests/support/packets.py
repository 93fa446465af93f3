"""Raw frames that a container of a tenant sends with Docker's default capabilities, and what another container sees.

Frames are built here as bytes; two small programs send and capture them inside the containers.
"""

from __future__ import annotations

import ipaddress
import json
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

__all__ = (
    "BROADCAST",
    "CANARY",
    "advertisement",
    "arp_reply",
    "capturing",
    "ethernet",
    "every_packet",
    "neighbour_advertisement",
    "send",
    "wrapped_packets",
)

#: In the payload of every packet. PORT stands in each header that has ports, so that an answer to a packet shows too.
CANARY = b"vsa-canary"
PORT = 40123
BROADCAST = "ff:ff:ff:ff:ff:ff"

_SEND = r"""
import json, socket, sys, time
frames = [bytes.fromhex(text) for text in json.load(sys.stdin)]
seconds = float(sys.argv[1])
sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
def interface(address):
    import subprocess
    for line in open("/proc/net/dev").read().splitlines()[2:]:
        name = line.split(":")[0].strip()
        try:
            import fcntl, struct
            found = fcntl.ioctl(sender, 0x8915, struct.pack("256s", name.encode()))[20:24]
        except OSError:
            continue
        if socket.inet_ntoa(found) == address:
            return name
sender.bind((interface(sys.argv[2]), 0))
end = time.monotonic() + seconds
while True:
    for frame in frames:
        sender.send(frame)
    if time.monotonic() > end:
        break
    time.sleep(0.1)
print(len(frames))
"""
_CAPTURE = r"""
import json, select, socket, sys, time
marks = [bytes.fromhex(text) for text in sys.argv[1:]]
taker = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
print("started", flush=True)
seen = []
while True:
    ready = select.select([taker, sys.stdin], [], [])[0]
    if sys.stdin in ready:
        break
    frame, where = taker.recvfrom(4096)
    if any(mark in frame for mark in marks):
        seen.append([where[0], frame[:160].hex()])
print(json.dumps(seen[:20]))
"""


def _checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def ethernet(destination: str, source: str, kind: int, payload: bytes) -> bytes:
    """Return an Ethernet frame."""
    return _mac(destination) + _mac(source) + struct.pack("!H", kind) + payload


def _pseudo(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    if len(source) == 4:
        return source + destination + struct.pack("!BBH", 0, protocol, length)
    return source + destination + struct.pack("!IxxxB", length, protocol)


def _transport(source: bytes, destination: bytes, kind: str) -> tuple[int, bytes]:
    """Return the number and the bytes of one transport packet: udp, syn (to port 443), open (to port 3000) or echo."""
    six = len(source) == 16
    if kind == "udp":
        body = struct.pack("!HHHH", PORT, PORT, 8 + len(CANARY), 0) + CANARY
        check = _checksum(_pseudo(source, destination, 17, len(body)) + body)
        return 17, body[:6] + struct.pack("!H", check) + body[8:]
    if kind in ("syn", "open"):
        port = 443 if kind == "syn" else 3000
        body = struct.pack("!HHIIBBHHH", PORT, port, 1, 0, 5 << 4, 2, 1024, 0, 0)
        check = _checksum(_pseudo(source, destination, 6, len(body)) + body)
        return 6, body[:16] + struct.pack("!H", check) + body[18:]
    body = struct.pack("!BBHHH", 128 if six else 8, 0, 0, PORT, 1) + CANARY
    check = _checksum((_pseudo(source, destination, 58, len(body)) if six else b"") + body)
    return (58 if six else 1), body[:2] + struct.pack("!H", check) + body[4:]


def _packet(source: str, destination: str, kind: str) -> tuple[int, bytes]:
    """Return the ethertype and the bytes of an IPv4 or IPv6 packet."""
    origin, target = ipaddress.ip_address(source).packed, ipaddress.ip_address(destination).packed
    protocol, body = _transport(origin, target, kind)
    if len(origin) == 16:
        return 0x86DD, struct.pack("!IHBB", 6 << 28, len(body), protocol, 64) + origin + target + body
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 7, 0, 64, protocol, 0) + origin + target
    return 0x0800, head[:10] + struct.pack("!H", _checksum(head)) + head[12:] + body


def every_packet(*, own_mac: str, macs: Sequence[str], sources: Sequence[str], targets: Sequence[str]) -> list[bytes]:
    """Return a frame for each destination MAC, source address, target address of the same family, and transport."""
    frames = []
    for source in sources:
        for target in targets:
            if (":" in source) != (":" in target) or source == target:
                continue
            for kind in ("udp", "syn", "open", "echo"):
                ethertype, packet = _packet(source, target, kind)
                frames += [ethernet(mac, own_mac, ethertype, packet) for mac in macs]
    return frames


def _through4(source: str, via: str, protocol: int, body: bytes, options: bytes = b"") -> bytes:
    """Return an IPv4 packet to ``via`` with this protocol and body."""
    size = 20 + len(options)
    head = struct.pack("!BBHHHBBH", 0x40 | size // 4, 0, size + len(body), 7, 0, 64, protocol, 0)
    head += ipaddress.ip_address(source).packed + ipaddress.ip_address(via).packed + options
    return head[:10] + struct.pack("!H", _checksum(head)) + head[12:] + body


def _through6(source: str, via: str, following: int, body: bytes) -> bytes:
    """Return an IPv6 packet to ``via`` whose next header is ``following``."""
    head = struct.pack("!IHBB", 6 << 28, len(body), following, 64)
    return head + ipaddress.ip_address(source).packed + ipaddress.ip_address(via).packed + body


def _wrapped(source: str, via: str, target: str, kind: str) -> list[tuple[int, bytes]]:
    """Return packets to ``via`` that want to go on to ``target``, each with its ethertype.

    IP in IP (4, 41), GRE (47), a loose source route of IPv4, and a routing header of IPv6.
    """
    inner_type, inner = _packet(source if (":" in source) == (":" in target) else target, target, kind)
    number = 41 if ":" in target else 4
    gre = struct.pack("!HH", 0, inner_type) + inner
    wanted = ipaddress.ip_address(target).packed
    if ":" in via:
        packets = [_through6(source, via, number, inner), _through6(source, via, 47, gre)]
        if len(wanted) == 16:
            protocol, body = _transport(ipaddress.ip_address(source).packed, wanted, kind)
            route = struct.pack("!BBBBI", protocol, 2, 0, 1, 0) + wanted
            packets.append(_through6(source, via, 43, route + body))
        return [(0x86DD, packet) for packet in packets]
    packets = [_through4(source, via, number, inner), _through4(source, via, 47, gre)]
    if len(wanted) == 4:
        protocol, body = _transport(ipaddress.ip_address(source).packed, wanted, kind)
        packets.append(_through4(source, via, protocol, body, b"\x83\x07\x04" + wanted + b"\x01"))
    return [(0x0800, packet) for packet in packets]


def wrapped_packets(
    *, own_mac: str, macs: Sequence[str], sources: Sequence[str], targets: Sequence[str], through: Sequence[str]
) -> list[bytes]:
    """Return frames that hide their target in a tunnel, in a source route, or behind a tag of a VLAN."""
    frames = []
    for source in sources:
        for target in targets:
            for via in through:
                if (":" in source) != (":" in via):
                    continue
                for kind in ("udp", "open"):
                    for ethertype, packet in _wrapped(source, via, target, kind):
                        frames += [ethernet(mac, own_mac, ethertype, packet) for mac in macs]
            if (":" in source) == (":" in target):
                ethertype, packet = _packet(source, target, "udp")
                tagged = [struct.pack("!HH", tag, ethertype) + packet for tag in (0, 1)]
                frames += [ethernet(mac, own_mac, 0x8100, body) for mac in macs for body in tagged]
    return frames


def arp_reply(*, own_mac: str, claimed: str, target: str, target_mac: str) -> list[bytes]:
    """Return ARP messages (a reply and a gratuitous request) that claim an address for a MAC."""
    frames = []
    for operation, wanted in ((2, target), (1, claimed), (1, target)):
        body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation)
        body += _mac(own_mac) + ipaddress.ip_address(claimed).packed
        body += _mac(target_mac) + ipaddress.ip_address(wanted).packed
        frames += [ethernet(mac, own_mac, 0x0806, body) for mac in (target_mac, BROADCAST)]
    return frames


def _icmp6(own_mac: str, mac: str, source: str, destination: str, body: bytes) -> bytes:
    origin, target = ipaddress.ip_address(source).packed, ipaddress.ip_address(destination).packed
    check = _checksum(_pseudo(origin, target, 58, len(body)) + body)
    body = body[:2] + struct.pack("!H", check) + body[4:]
    return ethernet(mac, own_mac, 0x86DD, struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + origin + target + body)


def advertisement(*, own_mac: str, own_local: str) -> bytes:
    """Return a router advertisement to all nodes: a default route with high preference, and a prefix."""
    body = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0x08, 1800, 0, 0)
    body += struct.pack("!BB", 1, 1) + _mac(own_mac)
    body += struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 1800, 0) + ipaddress.ip_address("2001:db8:bad::").packed
    return _icmp6(own_mac, "33:33:00:00:00:01", own_local, "ff02::1", body)


def neighbour_advertisement(*, own_mac: str, claimed: str, target: str, target_mac: str) -> list[bytes]:
    """Return neighbour advertisements that claim an IPv6 address for a MAC and override what was known."""
    body = struct.pack("!BBHI", 136, 0, 0, 0xA0000000) + ipaddress.ip_address(claimed).packed
    body += struct.pack("!BB", 2, 1) + _mac(own_mac)
    return [
        _icmp6(own_mac, target_mac, claimed, target, body),
        _icmp6(own_mac, "33:33:00:00:00:01", claimed, "ff02::1", body),
    ]


def send(vps: str, container: str, address: str, frames: Sequence[bytes], *, seconds: float = 0) -> None:
    """Send frames from a container, as root there, by the interface with this IPv4 address; again for so long."""
    words = ["docker", "exec", "-i", vps, "docker", "exec", "-i", "-u", "0", container, "python3", "-c", _SEND]
    data = json.dumps([frame.hex() for frame in frames])
    done = subprocess.run([*words, str(seconds), address], input=data, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@contextmanager
def capturing(vps: str, container: str) -> Iterator[list[list[str]]]:
    """Capture every frame with the canary or its port in a container meanwhile; the list is filled at the end."""
    seen: list[list[str]] = []
    marks = [CANARY.hex(), struct.pack("!H", PORT).hex()]
    words = ["docker", "exec", "-i", vps, "docker", "exec", "-i", "-u", "0", container, "python3", "-c", _CAPTURE]
    with subprocess.Popen([*words, *marks], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "started"
        try:
            yield seen
        finally:
            output, _errors = process.communicate(timeout=60)
            seen += json.loads(output.splitlines()[-1])
