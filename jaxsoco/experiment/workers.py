"""Who computes the packs of a run: this process, or workers elsewhere. Nothing is started here."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass

from jaxsoco.core.errors import InputError, suggest
from jaxsoco.core.fields import Issues, read_value
from jaxsoco.core.schema import Field
from jaxsoco.experiment.elsewhere import Elsewhere
from jaxsoco.experiment.expand import Sweep

EXECUTORS = ("local", "ray")


@dataclass(frozen=True)
class Workers:
    """Which workers a run has.

    Attributes:
      executor: ``"local"`` or ``"ray"``.
      address: of the Ray cluster; one is started on this machine if empty.
      count: of workers, each with one device; as many as there are devices if None.
      write: they write to the run directory themselves, which is on a shared disk.
    """

    executor: str = "local"
    address: str = ""
    count: int | None = None
    write: bool = False

    def validate(self, devices: int | None, *, typed: bool, steal: bool = False) -> None:
        """Raises unless this can be had.

        Args:
          devices: that the user asked for.
          typed: on the command line, which writes ``--ray-address`` for ``ray_address``.
          steal: the run is to help others out.

        Raises:
          InputError: with every problem found.
        """

        def name(argument: str) -> str:
            return f"--{argument.replace('_', '-')}" if typed else argument

        issues = Issues()
        ray = f"{name('executor')} ray" if typed else 'executor="ray"'
        if self.executor == "local":
            given = (("ray_address", self.address), ("workers", self.count is not None))
            for argument, value in (*given, ("workers_write", self.write)):
                if value:
                    issues.found(name(argument), "only Ray has workers", f"want {ray} with it")
        elif self.executor != "ray":
            message = f'no executor is called "{self.executor}"'
            issues.found(name("executor"), message, suggest(self.executor, EXECUTORS))
        elif importlib.util.find_spec("ray") is None:
            issues.found(ray, "Ray is not installed", 'pip install "jaxsoco[ray]"')
        elif devices is not None:
            hint = f"say how many workers with {name('workers')}"
            issues.found(name("devices"), "a worker of Ray has one device", hint)
        elif steal:
            hint = "leave it out: a worker that is free takes the next pack"
            issues.found("--steal", "Ray deals the packs out by itself", hint)
        if self.count is not None:
            field = Field(name("workers"), "integer", "to use", low=1)
            read_value(field, self.count, name("workers"), issues)
        if self.address.startswith("ray://"):
            hint = "start jaxsoco on a machine of the cluster, with the address auto"
            issues.found(name("ray_address"), "the protocol of Ray's client is not spoken", hint)
        if issues:
            raise InputError(issues)

    @contextlib.contextmanager
    def engaged(self, sweep: Sweep) -> Iterator[Elsewhere | None]:
        """The workers of a sweep while this is entered; None if this process computes.

        Nothing is started before it is needed; what was started here is ended at the exit.
        """
        if self.executor == "local":
            yield None
            return
        from jaxsoco.experiment.ray_executor import RayWorkers

        ours = RayWorkers(sweep, self.address, self.count, self.write)
        with contextlib.closing(ours) as workers:
            yield workers
