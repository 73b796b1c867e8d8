# SPDX-License-Identifier: BSD-2-Clause
"""What holds of every packet whatever the model says: rules that no service can change."""

from packet.model import Expected
from packet.model_headers import Headers, read_headers
from packet.model_output import has_right_sums
from packet.model_packets import MAC
from packet.model_twin import Twin

TUNNELS = ("tx_ipip", "tx_gue")
TRANSLATED = ("tx_nat", "tx_dnat", "tx_reply")


class Acquaintances:
    """The hosts a balancer may send to: its backends, and who sent it something."""

    def __init__(self, twin: Twin) -> None:
        records = [record for _, record in twin.model.backends().values()]
        self.macs = {record.backend.mac for record in records}
        self.addresses = {record.backend.address.packed for record in records}
        self.addresses |= {service.vip for service in twin.model.services.values()}

    def check(self, frame: bytes, after: Expected) -> None:
        """Check what became of *frame*, which is what the program made of it."""
        if not after.verdict.startswith("tx_"):
            assert after.frame == frame
            return
        headers = read_headers(frame, MAC)
        assert not isinstance(headers, str), "nothing is sent that could not be read"
        self.macs.add(frame[6:12])
        self.addresses |= {headers.source, headers.destination}
        assert after.frame[6:12] == MAC
        assert after.frame[:6] in self.macs
        assert destination_of(after, headers) in self.addresses
        if has_right_sums(frame, headers.network, headers.version):
            check_sums(after, headers)


def destination_of(after: Expected, headers: Headers) -> bytes:
    version = after.frame[headers.network] >> 4
    at = headers.network + (16 if version == 4 else 24)
    return after.frame[at : at + (4 if version == 4 else 16)]


def check_sums(after: Expected, headers: Headers) -> None:
    """What came right leaves right, the packet inside a tunnel included."""
    version = after.frame[headers.network] >> 4
    if after.verdict in TRANSLATED or after.verdict == "tx_gue":
        assert has_right_sums(after.frame, headers.network, version)
    if after.verdict in TUNNELS:
        outer = (20 if version == 4 else 40) + 8 * (after.verdict == "tx_gue")
        assert has_right_sums(after.frame, headers.network + outer, headers.version)
