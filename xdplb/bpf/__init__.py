# SPDX-License-Identifier: BSD-2-Clause
"""libbpf for Python: load BPF objects, attach XDP programs, talk to their maps.

Stands by itself: nothing in here knows of balancing, and nothing but the standard library and the
extension is imported. Where to begin::

    with BpfObject.open("program.bpf.o") as opened:
        opened.set_constant("limit", 100)
        with opened.load() as loaded, loaded.program("entry").attach_xdp("eth0"):
            print(loaded.map("counters")[0])
"""

from xdplb.bpf.arraymap import ArrayMap, MappedArray
from xdplb.bpf.btf import Btf
from xdplb.bpf.codec import (
    BE16,
    BE32,
    BE64,
    S32,
    S64,
    U8,
    U16,
    U32,
    U64,
    Codec,
    Fields,
    Integer,
    Raw,
)
from xdplb.bpf.errors import (
    AttachConflictError,
    BatchError,
    BpfError,
    ClosedError,
    CodecError,
    DeniedError,
    FeatureError,
    InterruptedCallError,
    KernelError,
    KeyExistsError,
    KeyMissingError,
    LinkSeveredError,
    MapFullError,
    MapMismatchError,
    MissingCapabilityError,
    NoInterfaceError,
    NotFoundError,
    ObjectError,
    UnknownNameError,
    VerifierError,
)
from xdplb.bpf.host import (
    has_symbol,
    is_bpffs,
    libbpf_version,
    missing_capabilities,
    possible_cpus,
)
from xdplb.bpf.ids import links, maps, programs
from xdplb.bpf.info import LinkInfo, MapInfo, ProgramInfo
from xdplb.bpf.link import Link, XdpLink
from xdplb.bpf.loaded import LoadedObject
from xdplb.bpf.map import HashMap, LruHashMap, Map, UpdateMode
from xdplb.bpf.mapofmaps import MapOfMaps
from xdplb.bpf.maptype import MapType
from xdplb.bpf.netns import (
    enter_network_namespace,
    interface_index,
    interface_name,
    network_namespace,
)
from xdplb.bpf.object import BpfObject, OpenedObject
from xdplb.bpf.opened import OpenedMap, OpenedProgram
from xdplb.bpf.percpu import PerCpuArrayMap, PerCpuHashMap
from xdplb.bpf.program import Program, RunStatistics
from xdplb.bpf.ring import RingBufferMap, RingReader
from xdplb.bpf.testrun import TestRun, XdpAction
from xdplb.bpf.xdp import (
    ANY_PROGRAM,
    XdpMode,
    XdpState,
    attach_xdp_netlink,
    detach_xdp_netlink,
    query_xdp,
)

__all__ = [
    "ANY_PROGRAM",
    "BE16",
    "BE32",
    "BE64",
    "S32",
    "S64",
    "U8",
    "U16",
    "U32",
    "U64",
    "ArrayMap",
    "AttachConflictError",
    "BatchError",
    "BpfError",
    "BpfObject",
    "Btf",
    "ClosedError",
    "Codec",
    "CodecError",
    "DeniedError",
    "FeatureError",
    "Fields",
    "HashMap",
    "Integer",
    "InterruptedCallError",
    "KernelError",
    "KeyExistsError",
    "KeyMissingError",
    "Link",
    "LinkInfo",
    "LinkSeveredError",
    "LoadedObject",
    "LruHashMap",
    "Map",
    "MapFullError",
    "MapInfo",
    "MapMismatchError",
    "MapOfMaps",
    "MapType",
    "MappedArray",
    "MissingCapabilityError",
    "NoInterfaceError",
    "NotFoundError",
    "ObjectError",
    "OpenedMap",
    "OpenedObject",
    "OpenedProgram",
    "PerCpuArrayMap",
    "PerCpuHashMap",
    "Program",
    "ProgramInfo",
    "Raw",
    "RingBufferMap",
    "RingReader",
    "RunStatistics",
    "TestRun",
    "UnknownNameError",
    "UpdateMode",
    "VerifierError",
    "XdpAction",
    "XdpLink",
    "XdpMode",
    "XdpState",
    "attach_xdp_netlink",
    "detach_xdp_netlink",
    "enter_network_namespace",
    "has_symbol",
    "interface_index",
    "interface_name",
    "is_bpffs",
    "libbpf_version",
    "links",
    "maps",
    "missing_capabilities",
    "network_namespace",
    "possible_cpus",
    "programs",
    "query_xdp",
]
