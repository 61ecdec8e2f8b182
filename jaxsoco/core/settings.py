"""Settings declared once: kind, default, limits, unit and meaning of every parameter, without JAX.

A class of settings is what Python code constructs, what ``jaxsoco list`` prints, what experiment
files are validated against, what the tables of the documentation are made from, and a pytree of
JAX whose numbers are leaves::

    @settings
    class SCaLEParams:
        \"\"\"How much SCaLE explores.\"\"\"

        exploration: float | None = setting("c in T0 = ceil(c rank d)", None, above=0, static=True)
        gain: float = setting("g0 in gamma^2 = g0 (noise_cap / floor) T^p", 0.15, above=0)

``None`` means "as the theory says" and is written ``"auto"`` in experiment files.

==============================  ==================================================================
annotation                      kind of the field
==============================  ==================================================================
``float``, ``int``, ``bool``    a number, an integer, true or false
``str``                         a string
``Literal["a", "b"]``           a choice
``tuple[str, ...]``             a list of strings (of choices with ``tuple[Literal[...], ...]``)
``Path``                        a path, relative to the experiment file
``... | Literal["google"]``     the same, or this word
``... | None``                  the same, or ``"auto"``
==============================  ==================================================================
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from dataclasses import Field as DataclassField
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self, TypeVar, Union

from jaxsoco.core.fields import Issues, read_value
from jaxsoco.core.schema import AUTO, REQUIRED, Field, Role, Word

_KINDS = {float: "float", int: "integer", bool: "boolean", str: "string", Path: "path"}
_RESERVED = ("FIELDS", "of", "values")
_T = TypeVar("_T")
_unregistered: list[type] = []
_registering = threading.RLock()


class Settings(Protocol):
    """What every class made by :func:`settings` has.

    Attributes:
      FIELDS: the declarations, in order, as the validator reads them.
    """

    FIELDS: ClassVar[tuple[Field, ...]]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Settings from an experiment's values; ``"auto"`` becomes ``None``, others are ignored."""
        ...

    def values(self) -> dict[str, Any]:
        """The settings as an experiment's values: the inverse of :meth:`of`."""
        ...


def is_traced(value: Any) -> bool:
    """Whether a value is a tracer of JAX, which cannot be compared with a limit.

    >>> from jaxsoco.extend import is_traced
    >>> is_traced(0.5), bool(jax.jit(is_traced)(0.5))
    (False, True)
    """
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(value, jax.core.Tracer)


def is_auto(value: Any) -> bool:
    """Whether a value of an experiment file stands for what the theory says."""
    return isinstance(value, str) and value == AUTO


def setting(
    doc: str,
    default: Any = REQUIRED,
    *,
    static: bool = False,
    above: float | None = None,
    low: float | None = None,
    high: float | None = None,
    unit: str = "",
    theory: str = "",
    aliases: tuple[str, ...] = (),
    order: int = 0,
    gradient: Word | None = None,
    reason: str = "",
    role: Role = "",
) -> Any:
    """Declares one setting.

    >>> from jaxsoco.extend import setting, settings
    >>> @settings
    ... class PauseParams:
    ...     pause: int | None = setting("rounds of rest", default=None, low=0, theory="sqrt(T)")
    >>> PauseParams.FIELDS[0].summary
    'rounds of rest; auto: sqrt(T)'

    Args:
      doc: one line: what it is, in the field's standard terms.
      default: its value if none is given; ``None`` for what the theory says. Required if absent.
      static: another value needs another compilation. So it is with all that is not a number, and
        with numbers that have words beside them.
      above: largest number that is too small.
      low: smallest number allowed.
      high: largest number allowed.
      unit: physical unit.
      theory: what ``None`` stands for, as a formula; shown wherever the setting is.
      aliases: words that experiment files may use for ``"auto"``, from before.
      order: where it is listed: settings of a smaller one come first. With 1, those that a class
        inherits come after its own.
      gradient: of a learner's parameter, whether costs have a gradient in it: ``"yes"``;
        ``"biased"``, where automatic differentiation gives the slope of something else; ``"no"``,
        where costs jump or stay put. By default what the learner's entry says.
      reason: why it is ``"biased"`` or ``"no"``: what ``jax.grad`` then raises.
      role: ``"seed"`` of a problem's setting that only says which world is drawn, so that reports
        fit no growth along it.

    Raises:
      TypeError: ``above`` and ``low`` are both given, a gradient that is not ``"yes"`` has no
        reason, or there is no such role.
    """
    if above is not None and low is not None:
        raise TypeError(f'"{doc}": expected above or low, got both')
    if gradient not in (None, "yes", "biased", "no"):
        raise TypeError(f'"{doc}": gradient: expected "yes", "biased" or "no", got {gradient!r}')
    if (gradient in ("biased", "no")) != bool(reason):
        raise TypeError(f'"{doc}": a gradient that is "biased" or "no" has a reason, no other has')
    if role not in ("", "seed"):
        raise TypeError(f'"{doc}": role: expected "seed" or none, got {role!r}')
    limits = {"low": low if above is None else above, "open_low": above is not None, "high": high}
    metadata = {
        "static": static,
        "order": order,
        "doc": doc,
        "limits": limits | {"unit": unit, "theory": theory, "aliases": aliases},
        "gradient": {"gradient": gradient or "", "reason": reason},
        "role": role,
    }
    if default is REQUIRED:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


@typing.dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(setting,))
def settings(cls: type[_T]) -> type[_T]:
    """Makes of a class of :func:`setting` attributes a frozen dataclass, a schema and a pytree.

    >>> from jaxsoco.extend import setting, settings
    >>> @settings
    ... class StepParams:
    ...     rate: float = setting("learning rate", default=0.1, above=0)
    >>> StepParams(rate=0.5), jax.tree.leaves(StepParams())
    (StepParams(rate=0.5), [0.1])

    The class gets what :class:`Settings` has, ``FIELDS`` first of all. Settings of its parents
    come before its own, unless their ``order`` says otherwise; a name that is declared again is
    changed in place.

    A name that is annotated again with a plain value takes this as its default (and the
    annotation, which may be narrower), and keeps all else that the parent says of it.

    A ``__post_init__`` of the class runs as in any dataclass.

    Type checkers know the settings by name alone, and see a default where it is written
    ``default=``.

    Raises:
      TypeError: a declaration is wrong: its annotation is no kind, its default does not fit, it is
        not made by :func:`setting`, or its name is one that every class of settings has.
    """
    _inherit(cls)
    cls.__post_init__ = _register_first(getattr(cls, "__post_init__", None))  # type: ignore
    schema: Any = dataclass(frozen=True, kw_only=True)(cls)
    hints = typing.get_type_hints(schema)
    schema.FIELDS = ()
    for one in fields(schema):
        _check_declared(one)
    for one in sorted(fields(schema), key=lambda one: one.metadata["order"]):
        declared = _declaration(one, hints[one.name])
        schema.FIELDS += (declared,)
        # What is no number cannot be a leaf; JAX reads it here.
        one.metadata = types.MappingProxyType({**one.metadata, "static": declared.static})
    schema.of, schema.values = classmethod(_of), _values
    schema.__init__ = _positional(schema)
    _unregistered.append(schema)
    if "jax" in sys.modules:
        register()
    return schema


def _positional(schema: Any) -> Any:
    """The constructor, which also takes settings by position, in the order of ``FIELDS``."""
    by_name = schema.__init__

    @functools.wraps(by_name)
    def construct(self: Any, *values: Any, **named: Any) -> None:
        names = [one.name for one in schema.FIELDS]
        if len(values) > len(names) or any(name in named for name in names[: len(values)]):
            counts = f"{len(values)} by position, and {', '.join(named) or 'none'} by name"
            raise TypeError(f"{schema.__name__} takes {', '.join(names)}, each once: got {counts}")
        named |= dict(zip(names, values, strict=False))
        by_name(self, **named)

    return construct


def _inherit(cls: type) -> None:
    """Completes plain defaults of a class by what a parent declares of these names."""
    inherited = {
        one.name: one
        for parent in reversed(cls.__mro__[1:])
        if is_dataclass(parent)
        for one in fields(parent)
    }
    for name in inspect.get_annotations(cls):
        default = cls.__dict__.get(name, MISSING)
        if name in inherited and not isinstance(default, DataclassField) and default is not MISSING:
            setattr(cls, name, field(default=default, metadata=inherited[name].metadata))


def _check_declared(one: Any) -> None:
    """Raises unless a field of the dataclass is made by :func:`setting` and its name is free."""
    if "limits" not in one.metadata:
        raise TypeError(f'{one.name}: expected {one.name}: ... = setting("what it is", ...)')
    if one.name in _RESERVED:
        raise TypeError(f"{one.name}: every class of settings has {', '.join(_RESERVED)}; rename")


def _register_first(own: Any) -> Any:
    """A ``__post_init__`` that registers what is declared, then does what the class's own does."""

    def finish(self: Any) -> None:
        if "FIELDS" not in type(self).__dict__:
            raise TypeError(f"{type(self).__name__} is a class of settings without @settings")
        if _unregistered and "jax" in sys.modules:
            register()
        if own is not None:
            own(self)

    return finish


def _of(cls: Any, values: Mapping[str, Any]) -> Any:
    named = [(one, values[one.name]) for one in cls.FIELDS if one.name in values]
    # Where nothing is left to the theory, the word is a text like others: a file may be called so.
    return cls(**{one.name: None if is_auto(x) and AUTO in one.words else x for one, x in named})


def _values(self: Any) -> dict[str, Any]:
    pairs = ((one.name, getattr(self, one.name)) for one in type(self).FIELDS)
    return {name: AUTO if value is None else value for name, value in pairs}


def register() -> None:
    """Makes pytrees of the classes declared so far; imports JAX."""
    import jax

    with _registering:
        while _unregistered:
            jax.tree_util.register_dataclass(_unregistered.pop())


def _declaration(one: Any, hint: Any) -> Field:
    """The field of a schema that an annotation and its :func:`setting` say."""
    kinds, words, optional = _alternatives(hint)
    metadata = one.metadata
    limits = dict(metadata["limits"])
    if not all(isinstance(word, str) for word in words) or not (kinds or words):
        raise TypeError(f"{one.name}: expected a kind, or words that are strings, got {hint}")
    if not kinds:
        kind, limits["choices"] = "choice", words
        words = ()
    elif len(kinds) == 1:
        kind, limits["choices"] = _kind(one.name, kinds[0])
    else:
        raise TypeError(f"{one.name}: expected one kind and words beside it, got {hint}")
    leaf = kind in ("float", "integer") and not words
    declared = Field(
        one.name,
        kind,  # type: ignore[arg-type]
        metadata["doc"],
        _default(one, kind, optional),
        words=(*words, *((AUTO,) if optional else ())),
        static=metadata["static"] or not leaf,
        **limits,
        **metadata["gradient"],
        role=metadata["role"],
    )
    _check_default(declared)
    return declared


def _check_default(declared: Field) -> None:
    """Raises unless the default is a value that the field takes."""
    value, issues = declared.default, Issues()
    if value is REQUIRED or value is None:
        return
    read_value(declared, str(value) if isinstance(value, Path) else value, declared.name, issues)
    if issues:
        raise TypeError(f"its default does not fit: {issues[0]}")


def _default(one: Any, kind: str, optional: bool) -> Any:
    if one.default is MISSING:
        return REQUIRED
    if one.default is None and not optional:
        raise TypeError(f"{one.name}: its default is None, which its annotation does not allow")
    # An optional list is absent by default, as it is in a file that does not name it.
    return AUTO if one.default is None and kind != "strings" else one.default


def _alternatives(hint: Any) -> tuple[list[Any], tuple[str, ...], bool]:
    """The kinds, words and whether None is among the alternatives of an annotation."""
    union = typing.get_origin(hint) in (Union, types.UnionType)
    kinds, words, optional = [], (), False
    for part in typing.get_args(hint) if union else (hint,):
        if part is types.NoneType:
            optional = True
        elif typing.get_origin(part) is Literal:
            words += typing.get_args(part)
        else:
            kinds.append(part)
    return kinds, words, optional


def _kind(name: str, annotation: Any) -> tuple[str, tuple[str, ...]]:
    """The kind of a field, and its choices."""
    item, *rest = typing.get_args(annotation) or (None,)
    if typing.get_origin(annotation) is tuple and rest == [...]:
        if item is str:
            return "strings", ()
        choices = typing.get_args(item) if typing.get_origin(item) is Literal else ()
        if choices and all(isinstance(choice, str) for choice in choices):
            return "strings", choices
    if annotation not in _KINDS:
        label = annotation.__name__ if isinstance(annotation, type) else annotation
        raise TypeError(f"{name}: a setting cannot be a {label}: see jaxsoco.core.settings")
    return _KINDS[annotation], ()


@settings
class Rounds:
    """What problems share whose horizon the user chooses.

    >>> from jaxsoco.extend import Rounds
    >>> Rounds(horizon=100).values()
    {'horizon': 100}
    """

    horizon: int = setting("rounds of a run", low=1, static=True)
