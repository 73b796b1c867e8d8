# SPDX-License-Identifier: BSD-2-Clause
"""What attach refuses: one line that says what is wrong and what to do, and no trace."""

import ctypes
from collections.abc import Iterator

import pytest
from cli.stand import BACKENDS, VIP, XDPLB, Stand, run

from xdplb.bpf import Program, XdpMode, attach_xdp_netlink

# r0 = XDP_PASS; exit
XDP_PASS = bytes.fromhex("b700000002000000 9500000000000000")
PR_CAPBSET_DROP = 24
CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF = 12, 21, 38, 39

WRONG_WORDS = [
    (["10.0.0.300"], "10.0.0.300: is not an address; write one such as 10.0.0.2"),
    (["10.0.0.2@de:ad:be:ef"], "de:ad:be:ef: is not a MAC; write it as"),
    (["10.0.0.2", "de:ad:be:ef:00:xx"], "de:ad:be:ef:00:xx: is not an address"),
    (["10.0.0.2:70000"], "70000: is not a port; write a number from 1 to 65535"),
    (["10.0.0.2", "--port", "0"], "0: is not a port"),
    (["10.0.0.2", "--port", "80/sctp"], "sctp: is not a protocol; use one of: tcp, udp, icmp"),
    (["10.0.0.2", "--port", "80/icmp"], "10.0.0.10:80/icmp: echo requests have no port"),
    (["10.0.0.2:7", "--port", "any/icmp"], "10.0.0.2:7: echo requests have no port; leave it out"),
    (["10.0.0.2", "--port", "80", "--port", "80/tcp"], "80/tcp: the port is named twice"),
    (["10.0.0.2", "10.0.0.2"], "10.0.0.2: the backend is named twice; name it once"),
    ([VIP], f"{VIP}: is the address of the service itself; name another machine"),
    (["10.0.0.2", "--vip", "10.0.0.2"], "10.0.0.2: is the address of the service itself"),
    (["10.0.0.2", "--vip", "nowhere"], "nowhere: is not an address"),
    (["2001:db8::2"], "veth6: has no IPv6 address to be the VIP; name it with --vip"),
    (["10.0.0.2", "--vip", "2001:db8::1"], "10.0.0.2: mode nat cannot turn IPv6 into IPv4"),
    (["10.0.0.2:81", "--mode", "dsr", "--port", "80"], "10.0.0.2:81: mode dsr leaves ports as"),
    (["10.0.0.2:81", "--mode", "gue", "--port", "80"], "10.0.0.2:81: mode gue leaves ports as"),
    (["10.0.0.2", "--mode", "tunnel"], "tunnel: is not a forwarding mode; use one of: nat"),
    (["10.0.0.2", "--scheduler", "least-connections"], "scheduler not supported yet"),
    (["10.0.0.2", "--hash-on", "weather"], "weather: is not a hash input; use one of: flow"),
    (["10.0.0.2", "--xdp-mode", "fast"], "fast: is not an XDP mode; use one of: auto, native"),
    (["10.0.0.2", "--table-size", "100"], "100: is not a table size; take a prime"),
    (["10.0.0.2", "--max-backends", "0"], "0 is not in the range 1<=x<=65536"),
    (["--port", "80"], "--vip and --port say what to balance; name a BACKEND too"),
    (["10.0.0.2", "--bogus"], "attach: no such option: --bogus; see: xdplb attach --help"),
]


def assert_refused(stand: Stand, words: list[str], says: str, code: int) -> None:
    """Run `xdplb attach` and check that it fails with one line and leaves nothing."""
    before = stand.traces()
    answer = stand.xdplb("attach", *words)
    assert answer.code == code, answer
    assert answer.output == ""
    assert answer.complaint.startswith("xdplb: ")
    assert says in answer.complaint
    assert answer.complaint.count("\n") == 1
    assert stand.traces() == before


@pytest.mark.parametrize(("words", "says"), WRONG_WORDS)
def test_wrong_words_end_with_code_2(refusing: Stand, words: list[str], says: str) -> None:
    assert_refused(refusing, ["veth6", *words], says, 2)


def test_interface_that_does_not_exist(refusing: Stand) -> None:
    assert_refused(refusing, ["eth9", *BACKENDS], "eth9: there is no such interface here", 1)


def test_network_namespace_that_does_not_exist(refusing: Stand) -> None:
    answer = run(XDPLB, "attach", "veth6", "--netns", "nowhere")
    assert (answer.code, answer.output) == (1, "")
    assert "nowhere: there is no such network namespace" in answer.complaint


def test_interface_without_an_address_needs_a_vip(refusing: Stand) -> None:
    assert_refused(refusing, ["lo", *BACKENDS], "lo: has no IPv4 address to be the VIP", 2)


def test_backend_that_is_this_host(stand: Stand) -> None:
    stand.inside("ip", "addr", "add", "10.0.0.77/32", "dev", "lo")
    says = "10.0.0.77: is an address of this host; a backend has to be another machine"
    assert_refused(stand, ["veth6", "10.0.0.77"], says, 1)


def test_backend_behind_another_interface(stand: Stand) -> None:
    for words in ("link add other type veth peer name away", "addr add 10.1.0.1/24 dev other"):
        stand.inside("ip", *words.split())
    for name in ("other", "away"):
        stand.inside("ip", "link", "set", name, "up")
    says = "10.1.0.2: is reached through other, not veth6; attach to other"
    assert_refused(stand, ["veth6", "10.1.0.2"], says, 1)


def test_more_backends_than_there_is_room_for(refusing: Stand) -> None:
    says = "backends: all 3 are in use; attach with a larger --max-backends"
    assert_refused(refusing, ["veth6", *BACKENDS, "--max-backends", "3"], says, 1)


def test_interface_that_we_are_on_already(attached: Stand) -> None:
    says = "veth6: xdplb is attached already, pinned at /sys/fs/bpf/xdplb/"
    assert_refused(attached, ["veth6", *BACKENDS], says, 1)
    assert set(attached.ask(30)) == {"h2", "h3"}


@pytest.fixture
def stranger() -> Iterator[Program]:
    """Somebody else's program."""
    with Program.from_instructions(XDP_PASS, name="stranger") as program:
        yield program


def test_interface_that_somebody_elses_link_holds(stand: Stand, stranger: Program) -> None:
    with stranger.attach_xdp("veth6", netns=stand.lb) as link:
        says = f"veth6: holds another XDP program, stranger (id {stranger.id}, native mode)"
        for words in ([], ["--force"], ["--replace"]):
            assert_refused(stand, ["veth6", *BACKENDS, *words], says, 1)
        hint = f"through link {link.info.id}; remove it first: bpftool link detach id"
        assert_refused(stand, ["veth6", *BACKENDS], hint, 1)


@pytest.mark.parametrize("mode", [XdpMode.NATIVE, XdpMode.GENERIC])
def test_interface_that_somebody_elses_program_is_on(
    stand: Stand, stranger: Program, mode: XdpMode
) -> None:
    attach_xdp_netlink(stranger, "veth6", mode=mode, netns=stand.lb)
    says = f"stranger (id {stranger.id}, {mode.value} mode); remove it first: ip link set dev veth6"
    assert_refused(stand, ["veth6", *BACKENDS], says, 1)


def test_offload_that_the_driver_cannot_do(refusing: Stand) -> None:
    words = ["veth6", *BACKENDS, "--xdp-mode", "offload"]
    assert_refused(refusing, words, "veth6", 1)


def drop_capabilities(*numbers: int) -> None:
    for number in numbers:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, number, 0, 0, 0)


def test_no_privilege(refusing: Stand) -> None:
    before = refusing.traces()
    answer = run(
        XDPLB,
        *("attach", "veth6", *BACKENDS),
        preexec_fn=lambda: drop_capabilities(CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_PERFMON, CAP_BPF),
    )
    assert answer.code == 1
    assert answer.complaint == (
        "xdplb: attach: CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON missing; run as root: "
        "sudo xdplb attach\n"
    )
    assert refusing.traces() == before


def test_no_bpf_filesystem(refusing: Stand) -> None:
    """In a mount namespace without one, and where no ancestor can be seen that has one."""
    script = f'mount -t tmpfs none /sys/fs/bpf && exec {XDPLB} attach veth6 "$@"'
    words = (*BACKENDS, "--netns", refusing.lb)
    isolated = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c"]
    answer = run(*isolated, script, "sh", *words)
    assert (answer.code, answer.output) == (1, "")
    assert answer.complaint == (
        "xdplb: /sys/fs/bpf: no bpf filesystem is mounted here; "
        "mount it with: mount -t bpf bpf /sys/fs/bpf\n"
    )


def test_own_ssh_session_is_not_cut_off_unless_forced(stand: Stand) -> None:
    env = {"SSH_CONNECTION": f"10.0.0.1 50000 {VIP} 22"}
    before = stand.traces()
    answer = stand.xdplb("attach", "veth6", *BACKENDS, env=env)
    assert answer.code == 1
    says = f"xdplb: {VIP}:any/tcp: would take your SSH session to {VIP}:22; name the ports"
    assert answer.complaint.startswith(says)
    assert stand.traces() == before
    stand.ok("attach", "veth6", *BACKENDS, "--port", "80", env=env)
    stand.ok("detach", "veth6")
    stand.ok("attach", "veth6", *BACKENDS, "--force", env=env)


def test_detach_of_an_interface_never_attached_names_it(refusing: Stand) -> None:
    answer = refusing.xdplb("detach", "veth6")
    assert answer.code == 1
    assert answer.complaint.startswith("xdplb: veth6: xdplb is not attached")


def test_detach_in_the_wrong_namespace_says_where_it_is(attached: Stand) -> None:
    answer = run(XDPLB, "detach", "veth6")
    assert answer.code == 1
    assert "in another one it is: xdplb detach veth6 --netns " in answer.complaint
    assert attached.folder().exists()


@pytest.mark.parametrize("words", [[], ["veth6", "--all"]])
def test_detach_takes_one_interface_or_all(words: list[str]) -> None:
    answer = run(XDPLB, "detach", *words)
    assert (answer.code, answer.output) == (2, "")
    assert answer.complaint == "xdplb: detach: name an interface, or --all for every one\n"
