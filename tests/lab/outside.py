# SPDX-License-Identifier: BSD-2-Clause
"""Commands run outside of every lab, as the machine's administrator runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

XDPLB = str(Path(sys.executable).with_name("xdplb"))
TIMEOUT_S = 60


def run(*command: str) -> str:
    """Run a command to its end and return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def bpftool(*words: str) -> Any:
    """Run bpftool and return what it told."""
    return json.loads(run("bpftool", "--json", *words))
