# SPDX-License-Identifier: BSD-2-Clause
"""Names of attachments as names of folders on a bpf filesystem."""

from hypothesis import given
from hypothesis import strategies as st

from xdplb.namespace import AttachmentName, find_netns_name

# What Linux takes as an interface name, and iproute2 as the name of a network namespace.
interface = st.text("abz09-_.%@", min_size=1, max_size=15)
netns = st.none() | st.text("abz09-_.%:@ ", min_size=1, max_size=20)


@given(st.builds(AttachmentName, interface, netns))
def test_folder_name_gives_the_attachment_back(name: AttachmentName) -> None:
    assert AttachmentName.decode(name.encode()) == name


@given(st.builds(AttachmentName, interface, netns))
def test_folder_name_is_one_that_a_bpf_filesystem_takes(name: AttachmentName) -> None:
    folder = name.encode()
    assert "." not in folder
    assert "/" not in folder
    assert not folder.startswith(":")  # those are being built


def test_names_read_well_where_nothing_has_to_be_escaped() -> None:
    assert AttachmentName("eth0").encode() == "eth0"
    assert AttachmentName("veth6", "lb").encode() == "lb:veth6"
    assert AttachmentName("eth0.100").encode() == "eth0%2e100"


def test_the_hosts_own_namespace_has_no_name() -> None:
    assert find_netns_name() is None
