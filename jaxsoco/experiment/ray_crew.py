"""Actors of Ray, one a device: who is free, who computes what, and who was lost."""

from __future__ import annotations

import socket
import sys
from collections import deque
from typing import Any, NamedTuple

from jaxsoco.core.errors import InputError, Interrupted, Issue
from jaxsoco.core.files import one_line
from jaxsoco.engine.requests import Request
from jaxsoco.experiment import ray_worker

LOST = "lost"
"""The answer of a worker whose process or machine ended, with the reason."""

_GRACE = 2.0
"""Seconds that actors have to remove their files."""

_STARTS = 3
"""Times that a worker is started again that dies as it starts."""


def first_device(wanted: dict[str, Any]) -> tuple[str, str]:
    """Platform and kind of a GPU of the cluster.

    Args:
      wanted: of :func:`~jaxsoco.experiment.ray_worker.surroundings`.

    Raises:
      InputError: it cannot be used.
    """
    import ray

    def look(wanted: dict[str, Any]) -> Any:
        from jaxsoco.experiment import ray_worker

        return ray_worker.device_of(wanted)

    task = ray.remote(num_cpus=0, num_gpus=1, max_calls=1)(look)
    kind, content = ray.get(task.remote(wanted))
    if kind != ray_worker.READY:
        raise _unfit(f"a worker cannot be used: {content}")
    return content


def _actor_class() -> type:
    """The class of an actor; made here, so that Ray sends its text and not its name.

    On a machine with another jaxsoco, or with none, it can then say so.
    """

    class Actor:
        def __init__(self):
            self._worker: Any = None

        def begin(self, *job: Any) -> tuple[str, Any, str]:
            host = socket.gethostname()
            try:
                from jaxsoco.experiment import ray_worker
            except ImportError as error:
                return "refused", f"jaxsoco cannot be imported there ({error})", host
            if self._worker is None:
                self._worker, answer = ray_worker.begin(*job)
                return (*answer, host)
            return "ready", "", host

        def compute(self, request: Any) -> Any:
            assert self._worker
            return self._worker.compute(request)

        def clear(self) -> None:
            self._worker.clear()

    return Actor


class _Call(NamedTuple):
    """What was asked of an actor: to begin, or to compute."""

    actor: Any
    request: Request | None


class Crew:
    """The actors of a run.

    Args:
      job: what ``ray_worker.begin`` takes.
      number: of actors.
      gpu: each has a GPU, otherwise a CPU core.
    """

    def __init__(self, job: tuple[Any, ...], number: int, gpu: bool):
        import ray

        self._calls: dict[Any, _Call] = {}
        self._idle: deque[Any] = deque()
        self._refusals: dict[str, None] = {}
        self._job = [ray.put(part) for part in job]  # kept for actors that are started again
        needs = {"num_cpus": 0, "num_gpus": 1} if gpu else {"num_cpus": 1}
        actors = ray.remote(_actor_class()).options(
            **needs, max_restarts=-1, max_task_retries=0, scheduling_strategy="SPREAD"
        )
        self._actors = [actors.remote() for _ in range(number)]
        for actor in self._actors:
            self._begin(actor)

    @property
    def idle(self) -> bool:
        """Whether somebody is free."""
        return bool(self._idle)

    @property
    def begun(self) -> bool:
        """Whether any actor has begun."""
        return bool(self._idle) or self.busy

    @property
    def busy(self) -> bool:
        """Whether somebody computes."""
        return any(call.request is not None for call in self._calls.values())

    def ask(self, request: Request) -> None:
        """Gives a pack to an actor that is free."""
        actor = self._idle.popleft()
        self._calls[actor.compute.remote(request)] = _Call(actor, request)

    def hear(self, patience: float) -> tuple[Request, ray_worker.Answer] | None:
        """The next answer; None if there is none within ``patience`` seconds.

        Raises:
          InputError: every actor refused.
          Interrupted: every actor is lost.
        """
        import ray
        from ray.exceptions import RayError, RayTaskError

        done, _ = ray.wait([*self._calls], num_returns=1, timeout=patience)
        if not done:
            return None
        call = self._calls.pop(done[0])
        try:
            answer = ray.get(done[0])
        except RayTaskError as error:
            answer = ray_worker.FAILED, (one_line(error), str(error))
        except RayError as error:
            answer = LOST, one_line(error)
        if call.request is None:
            self._note_begin(call.actor, answer)
            return None
        if answer[0] == LOST:
            message = "warning: a worker of Ray died or is out of reach; its pack goes to another"
            print(message, file=sys.stderr, flush=True)
            self._begin(call.actor)  # as soon as Ray has started it again
        else:
            self._idle.append(call.actor)
        return call.request, answer

    def dismiss(self) -> None:
        """Ends all actors, and what they compute."""
        import ray

        cleared = [actor.clear.remote() for actor in self._idle]
        if cleared:
            ray.wait(cleared, num_returns=len(cleared), timeout=_GRACE)
        for actor in [*self._actors]:
            self._dismiss(actor)

    def _begin(self, actor: Any) -> None:
        call = actor.begin.options(max_task_retries=_STARTS).remote(*self._job)
        self._calls[call] = _Call(actor, None)

    def _note_begin(self, actor: Any, answer: Any) -> None:
        kind, content, *host = answer
        if kind == ray_worker.READY:
            self._idle.append(actor)
            return
        if kind == ray_worker.REFUSED:
            reason = f"the worker on {host[0]} is left out: {content}"
        else:
            reason = f"a worker does not start: {content if kind == LOST else content[0]}"
        if reason not in self._refusals:
            self._refusals[reason] = None
            if len(self._actors) > 1:
                print(f"warning: {reason}", file=sys.stderr, flush=True)
        self._dismiss(actor)
        if not self._actors:
            if kind == ray_worker.REFUSED:
                raise _unfit(reason)
            raise Interrupted(f"no worker of Ray is left; {reason}")

    def _dismiss(self, actor: Any) -> None:
        import ray

        self._actors.remove(actor)
        ray.kill(actor, no_restart=True)


def _unfit(reason: str) -> InputError:
    hint = "every machine needs the same jaxsoco, JAX and plug-ins"
    return InputError(Issue("--executor ray", reason, hint))
