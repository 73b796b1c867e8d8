# SPDX-License-Identifier: BSD-2-Clause
"""nginx in a host of the lab, with a configuration and a folder of its own."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.stand import Lab

from xdplb.lab.processes import start_in

READY_TIMEOUT_S = 20
# It stays in the foreground, and says on standard error when its workers start.
CONFIGURATION = """
daemon off;
user root;
worker_processes 1;
pid {folder}/pid;
error_log stderr notice;
events {{ worker_connections 512; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    sendfile on;
    server {{
        listen {port} backlog=512;
        root {folder}/pages;
        location = /name {{ return 200 "{host}\\n"; }}
    }}
}}
"""


@contextmanager
def nginx_in(lab: Lab, host: str, port: int, folder: Path) -> Iterator[Path]:
    """Run nginx for the block; give out the folder whose files it serves.

    ``/name`` answers with the host's name.
    """
    pages = folder / "pages"
    pages.mkdir(parents=True)
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, port=port, host=host))
    command = ["nginx", "-p", str(folder), "-c", str(configuration), "-e", "stderr"]
    running = start_in(lab.namespace(host), command, stderr=subprocess.PIPE)
    try:
        wait_for_workers(running)
        yield pages
    finally:
        running.terminate()
        running.communicate(timeout=READY_TIMEOUT_S)


def wait_for_workers(running: subprocess.Popen[bytes]) -> None:
    """Read what it says until it serves."""
    assert running.stderr is not None
    said = b""
    while b"start worker process " not in said:
        readable, _, _ = select.select([running.stderr], [], [], READY_TIMEOUT_S)
        piece = os.read(running.stderr.fileno(), 4096) if readable else b""
        assert piece, f"nginx does not serve: {said.decode(errors='replace')}"
        said += piece
