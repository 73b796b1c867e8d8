# SPDX-License-Identifier: BSD-2-Clause
"""Where services and backends get their numbers, and who owns which slot."""

from ipaddress import IPv4Address

import pytest

from xdplb.abi import BackendRecord, ServiceRecord
from xdplb.errors import CapacityError, ExistsError, UsageError
from xdplb.model import Backend, Protocol, Scheduler, Service, ServiceKey
from xdplb.services import first_fit, lowest_free, refuse_self, refuse_taken
from xdplb.tables import build_table

VIP = IPv4Address("10.0.0.10")
WEB = Service(ServiceKey(VIP, 80, Protocol.TCP), name="web")


def backend(number: int, weight: int = 1) -> BackendRecord:
    return BackendRecord(Backend(IPv4Address(f"10.0.0.{number}"), weight=weight, mac=b"\2" * 6), 0)


def test_lowest_free_number_is_taken() -> None:
    assert lowest_free({0, 1, 3}, 4, "services", "--max-services") == 2
    with pytest.raises(CapacityError, match=r"services: all 2 are in use; .* --max-services"):
        lowest_free({0, 1}, 2, "services", "--max-services")


def test_first_gap_that_is_wide_enough_is_taken() -> None:
    assert first_fit([], 10, 30) == 0
    assert first_fit([(0, 10), (20, 10)], 10, 30) == 10
    assert first_fit([(0, 10), (15, 5)], 10, 30) == 20
    with pytest.raises(CapacityError, match="no 10 of 25 in a row are free"):
        first_fit([(0, 10), (15, 5)], 10, 25)


def test_only_backends_that_may_get_new_connections_have_slots() -> None:
    backends = {
        4: backend(2),
        5: backend(3)._replace(up=False),
        6: backend(4)._replace(draining=True),
        7: backend(5, weight=0),
        9: backend(6),
    }
    assert set(build_table(WEB, backends, 101)) == {4, 9}


def test_service_without_such_backends_has_no_table() -> None:
    assert build_table(WEB, {}, 101) == []
    assert build_table(WEB, {1: backend(2, weight=0)}, 101) == []


def test_hash_scheduler_goes_round_in_the_order_of_ids() -> None:
    by_hash = WEB._replace(scheduler=Scheduler.HASH)
    assert build_table(by_hash, {7: backend(3), 2: backend(2, weight=2)}, 7) == [
        *(2, 2, 7, 2, 2, 7, 2)
    ]


def test_key_or_name_that_another_service_has_is_refused() -> None:
    loaded = [ServiceRecord(WEB, 0, 101, 0, VIP)]
    with pytest.raises(ExistsError, match="there is such a service already"):
        refuse_taken(WEB, loaded)
    other = ServiceKey(VIP, 81, Protocol.TCP)
    with pytest.raises(ExistsError, match=r"web: is the name of 10\.0\.0\.10:80/tcp"):
        refuse_taken(WEB._replace(key=other), loaded)
    refuse_taken(WEB._replace(key=other, name=""), loaded)


@pytest.mark.parametrize("address", ["10.0.0.10", "10.0.0.1"])
def test_backend_that_is_the_balancer_itself_is_refused(address: str) -> None:
    service = WEB._replace(backends=(Backend(IPv4Address(address)),))
    with pytest.raises(UsageError, match=f"{address}: is the address of the service itself"):
        refuse_self(service, IPv4Address("10.0.0.1"))
