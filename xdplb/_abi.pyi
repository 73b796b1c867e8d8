# SPDX-License-Identifier: BSD-2-Clause
from typing import Any

from _cffi_backend import FFI

ffi: FFI
lib: Any
