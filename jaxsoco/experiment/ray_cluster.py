"""Ray: one that is started on this machine, for this process alone, or one that is there."""

from __future__ import annotations

import importlib
import logging
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jaxsoco.core.errors import InputError, Interrupted, Issue
from jaxsoco.core.files import one_line
from jaxsoco.experiment.devices import usable_cores

_LONGEST_FOLDER = 40
"""Characters of a folder in which Ray can open its sockets: names of sockets are short."""

_PRINTER = "print_to_stdstream"

_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # it would report to its makers
    # On Linux Ray otherwise takes the machine's address in the network for the loopback's.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
}
"""Read by Ray when it is imported."""


class Cluster:
    """A connection of this process to Ray.

    Args:
      address: of a cluster that is there; empty to start one here, on loopback, without dashboard.
      slots: workers that the one started here has room for; one a CPU core if None.
      memory: bytes of its object store.
      accelerators: whether to look for GPUs here.

    Raises:
      InputError: there is no such cluster.
    """

    def __init__(self, address: str, slots: int | None, memory: int, accelerators: bool):
        self._guard: _Guard | None = None
        self._environment = dict(os.environ)
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if address:
            options["address"] = address
        else:
            self._guard = _Guard()
            os.environ.update(_SETTINGS, RAY_AUTH_TOKEN=secrets.token_hex(32))
            os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
            options |= {
                "address": "local",
                "num_cpus": slots or usable_cores(),
                "include_dashboard": False,
                "object_store_memory": memory,
                "_node_ip_address": "127.0.0.1",
                "_temp_dir": self._guard.folder,
            }
            options |= {} if accelerators else {"num_gpus": 0}
        self._start(address, options)

    def _start(self, address: str, options: dict[str, Any]) -> None:
        import ray

        if ray.is_initialized():
            message = "Ray is in use in this process already"
            raise InputError(Issue("--executor ray", message, "call ray.shutdown() before"))
        self._silence()
        try:
            with _handlers_kept():
                ray.init(**options)
        except SystemExit as error:  # by Ray's own handler of SIGTERM
            self.close()
            raise Interrupted("stopped by SIGTERM while Ray started") from error
        except Exception as error:
            self.close()
            if not address:
                raise
            message = f"no cluster of Ray answers at {address}: {one_line(error)}"
            hint = "want HOST:PORT, or auto on a machine of the cluster"
            raise InputError(Issue("--ray-address", message, hint)) from error

    def _silence(self) -> None:
        """Keeps Ray from printing, on standard output, what the crew tells shortly of the dead."""
        module = importlib.import_module("ray._private.worker")
        self._printer = module, getattr(module, _PRINTER, None)
        if self._printer[1] is not None:
            setattr(module, _PRINTER, lambda *content, **options: None)

    @property
    def scratch(self) -> str:
        """A folder for files that are of no use afterwards; empty on other machines."""
        return self._guard.folder if self._guard else ""

    def count(self, resource: str) -> int:
        """How many ``"CPU"`` or ``"GPU"`` the cluster has at this moment."""
        import ray

        return int(ray.cluster_resources().get(resource, 0))

    def close(self) -> None:
        """Disconnects; a Ray that was started here ends, and nothing of it is left."""
        import ray

        with _handlers_kept():
            ray.shutdown()
        module, printer = self._printer
        if printer is not None:
            setattr(module, _PRINTER, printer)
        for name in (*_SETTINGS, "RAY_AUTH_TOKEN", "PYTHONPATH"):
            os.environ.pop(name, None)
            if name in self._environment:
                os.environ[name] = self._environment[name]
        if self._guard is not None:
            self._guard.close()


class _Guard:
    """The folder of a Ray that is started here, and a process that clears up behind it.

    Attributes:
      folder: for Ray's sockets and logs.
    """

    def __init__(self):
        place = tempfile.gettempdir()
        name = "jaxsoco-ray-"
        if len(place) + len(name) + 9 > _LONGEST_FOLDER and os.path.isdir("/tmp"):
            place = "/tmp"
        self.folder = tempfile.mkdtemp(prefix=name, dir=place)
        program = Path(__file__).with_name("ray_guard.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(program), self.folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C at a terminal is not for it
        )

    def close(self) -> None:
        """Clears up now."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Puts back what SIGINT and SIGTERM did before; Ray takes SIGTERM for itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
