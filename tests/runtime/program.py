"""The smallest program that runs until it is ended: no compiler and no base image needed to put it into an image."""

import platform
import struct

_WAIT_FOREVER = {
    # mov eax, 34 (pause); syscall; jmp back
    "x86_64": (62, bytes.fromhex("b8220000000f05ebf7")),
    # ppoll(NULL, 0, NULL, NULL): x0 to x4 are 0, x8 is 73; svc 0; b back
    "aarch64": (
        183,
        b"".join(
            struct.pack("<I", word)
            for word in (0xD2800000, 0xD2800001, 0xD2800002, 0xD2800003, 0xD2800004, 0xD2800928, 0xD4000001, 0x17FFFFF9)
        ),
    ),
}
_BASE = 0x400000
_HEADERS_BYTES = 64 + 56


def waits_forever() -> bytes:
    """Return a static Linux executable for this machine.

    Source: https://man7.org/linux/man-pages/man5/elf.5.html
    """
    machine, code = _WAIT_FOREVER[{"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine(), platform.machine())]
    size = _HEADERS_BYTES + len(code)
    identity = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)  # 64 bits, little-endian
    header = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, _BASE + _HEADERS_BYTES, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)  # loaded, read and execute
    return identity + header + segment + code
