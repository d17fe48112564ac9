"""Declarations: YAML files read into typed, frozen objects, every fault with its ``file:line``.

An option is written once, as a typed field with a docstring under it; the YAML key, its validation, the JSON
Schema and the docs are read off that field. Declarations are data: nothing in them is evaluated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

import annotated_types as at
from pydantic import BeforeValidator

from sos_eval.errors import DesignFault, Fault, Faults, OurFault, nearest
from sos_eval.limits import limits

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = [
    "Declared",
    "Document",
    "Seed",
    "build",
    "json_schema",
    "read_json",
    "read_text",
    "read_yaml",
    "seeded",
    "valid_keys",
]

T = TypeVar("T")


def _no_flag(value: Any) -> Any:
    """Refuse true and false where a number is meant."""
    if value is True or value is False:
        raise ValueError(f"{str(value).lower()} is no number: write a whole number, 20260101")
    return value


#: Where everything random begins.
Seed = Annotated[int, at.Ge(0), BeforeValidator(_no_flag)]
Path_ = tuple[str | int, ...]


class Declared:
    """Base of everything that a file can declare: unknown keys are refused, fields document themselves."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {
        "extra": "forbid",
        "use_attribute_docstrings": False,  # reading them takes as long as all the rest; see `_described`
        "allow_inf_nan": False,
        "arbitrary_types_allowed": True,
    }


@dataclass(frozen=True)
class Document:
    """A parsed file: plain values, and the line that each key stands on.

    Attributes
    ----------
    data
        Nested dicts, lists and scalars.
    path
        The file, as the user named it.
    lines
        Path of a key, e.g. ``("estimators", 0, "method")``, to its line, counted from 1.
    """

    data: dict[str, Any]
    path: Path
    lines: Mapping[Path_, int] = field(default_factory=dict)

    def where(self, path: Sequence[str | int] = ()) -> str:
        """Return ``file:line`` of a key, or of the nearest key above it that stands in the file."""
        keys = tuple(path)
        while keys and keys not in self.lines:
            keys = keys[:-1]
        line = self.lines.get(keys)
        return f"{self.path}:{line}" if line else str(self.path)


def read_yaml(path: str | Path) -> Document:
    """Read a YAML mapping with the line of every key.

    Raises
    ------
    DesignFault
        The file is missing, empty, not UTF-8, not YAML, repeats a key, or holds no mapping.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import DuplicateKeyError
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    file = Path(path)
    text = read_text(file)
    try:
        _refuse_events(file, text)
        loaded = YAML(typ="rt", pure=True).load(text)
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        key = str(error.problem).split('"')[1] if '"' in str(error.problem) else "a key"
        raise DesignFault(Fault(f"{file}:{line}", f"{key}: the key stands twice", "keep one of them")) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        what = " ".join(str(part) for part in (error.context, error.problem) if part)
        raise DesignFault(Fault(f"{file}:{line}", f"not valid YAML ({what})", "mend the line")) from None
    except (YAMLError, ValueError, TypeError, OverflowError, AttributeError) as error:  # the last: !!int abc and such
        what = f"not valid YAML ({' '.join(str(error).split())[:200]})"
        raise DesignFault(Fault(str(file), what, "write plain values")) from None
    except RecursionError:
        raise DesignFault(Fault(str(file), "nests too deep to be read", "write it flatter")) from None
    if loaded is None:
        raise DesignFault(Fault(str(file), "the file is empty", "start from `sos-eval init`"))
    if not isinstance(loaded, Mapping):
        raise DesignFault(Fault(f"{file}:1", "the file holds no keys", 'write "key: value" lines'))
    taken = _Plainer(file)
    return Document(taken.plain(loaded), file, taken.lines)


def read_json(path: str | Path, pairs: Callable[[list[tuple[str, Any]]], dict[str, Any]] = dict) -> dict[str, Any]:
    """Read a JSON object; `pairs` makes one from its fields.

    Raises
    ------
    DesignFault
        The file is missing, too large, not UTF-8, not JSON, nests too deep, or holds no object.
    """
    file = Path(path)
    text = read_text(file)
    try:
        loaded = json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        raise DesignFault(Fault(f"{file}:{error.lineno}", f"not valid JSON ({error.msg})", "mend the line")) from None
    except RecursionError:
        raise DesignFault(Fault(str(file), f"nests deeper than {limits().depth}", "write it flatter")) from None
    if not isinstance(loaded, dict):
        raise DesignFault(Fault(str(file), "the file holds no object", 'write {"key": value}'))
    taken: dict[str, Any] = _Plainer(file).plain(loaded)
    return taken


def _refuse_events(file: Path, text: str) -> None:
    """Refuse what nests too deep, and ``!tags``: they ask for objects, and a declaration holds plain values only."""
    from ruamel.yaml import YAML

    deep = values = 0
    for event in YAML(typ="rt", pure=True).parse(text):
        kind = type(event).__name__
        deep += kind.endswith(("MappingStartEvent", "SequenceStartEvent"))
        deep -= kind.endswith(("MappingEndEvent", "SequenceEndEvent"))
        if deep > limits().depth:
            where = f"{file}:{event.start_mark.line + 1}"
            raise DesignFault(Fault(where, f"nests deeper than {limits().depth}", "raise it with --limit-depth"))
        values += kind.endswith(("StartEvent", "ScalarEvent"))
        if values > limits().values:
            what = f"holds more than {limits().values:,} values"
            raise DesignFault(Fault(str(file), what, "raise it with --limit-bytes"))
        tag = str(getattr(event, "tag", None) or "")
        if (tag and not tag.startswith("tag:yaml.org,2002:")) or tag.startswith("tag:yaml.org,2002:python"):
            where, shown = f"{file}:{event.start_mark.line + 1}", tag.replace("tag:yaml.org,2002:", "!!")
            raise DesignFault(Fault(where, f"{shown}: a tag; nothing in a declaration is run", "write a plain value"))


def read_text(file: Path) -> str:
    """Return a file's text, without a byte-order mark.

    Raises
    ------
    DesignFault
        The file is missing, too large or not UTF-8.
    """
    try:
        if file.is_char_device() or file.is_block_device():
            raise DesignFault(Fault(str(file), "is a device, not a file", "name a file"))
        if (size := file.stat().st_size) > limits().text_bytes:
            what = f"holds {size:,} bytes, more than {limits().text_bytes:,}"
            raise DesignFault(Fault(str(file), what, "raise it with --limit-bytes"))
        with file.open("rb") as opened:
            content = opened.read(limits().text_bytes + 1)  # a device or a pipe does not say how much it holds
        if len(content) > limits().text_bytes:
            what = f"holds more than {limits().text_bytes:,} bytes"
            raise DesignFault(Fault(str(file), what, "raise it with --limit-bytes"))
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        there = file.parent.is_dir() and bool(file.suffix)
        beside = sorted(file.parent.glob(f"[!.]*{file.suffix[:2]}*")) if there else []
        near = nearest(file.name, [p.name for p in beside]) if file.suffix else "name a file, such as x.yaml"
        raise DesignFault(Fault(str(file), "no such file", near)) from None
    except UnicodeDecodeError as error:
        raise DesignFault(Fault(str(file), f"byte {error.start} is not UTF-8 text", "save the file as UTF-8")) from None
    except OSError as error:
        raise DesignFault(Fault(str(file), f"cannot be read ({error.strerror})")) from None


class _Plainer:
    """Turns the reader's nodes into plain values, and notes the lines on the way."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.lines: dict[Path_, int] = {}
        self._values = 0

    def plain(self, node: Any, path: Path_ = ()) -> Any:
        """Return a node as dicts, lists and scalars; aliases are followed, up to a limit."""
        self._values += 1
        if self._values > limits().values:
            what = f"holds more than {limits().values:,} values once its aliases are followed"
            raise DesignFault(Fault(str(self.file), what, "raise it with --limit-bytes"))
        if len(path) > limits().depth:
            what = f"nests deeper than {limits().depth} once its aliases are followed"
            raise DesignFault(Fault(str(self.file), what, "raise it with --limit-depth"))
        marks: Any = getattr(node, "lc", None)
        if isinstance(node, Mapping):
            return self._mapping(node, path, marks)
        if isinstance(node, list):
            for i in range(len(node) if marks is not None else 0):
                self.lines[(*path, i)] = marks.item(i)[0] + 1
            return [self.plain(value, (*path, i)) for i, value in enumerate(node)]
        return self._scalar(node, path)

    def _mapping(self, node: Mapping[Any, Any], path: Path_, marks: Any) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key in node:
            word = str(self._scalar(key, path))
            if marks is not None and (marks.data or {}).get(key):  # a key that was merged in has no line of its own
                self.lines[(*path, word)] = marks.key(key)[0] + 1
            if word in values:
                where = f"{self.file}:{self.lines.get((*path, word), self.lines.get(path, 1))}"
                raise DesignFault(Fault(where, f"{word}: the key stands twice, as number and as text", "keep one"))
            values[word] = self.plain(node[key], (*path, word))
        return values

    def _scalar(self, node: Any, path: Path_) -> Any:
        value = _scalar(node)
        if isinstance(value, str) and "\0" in value:
            where = f"{self.file}:{self.lines.get(path, 1)}"
            raise DesignFault(Fault(where, "a null character", "write plain text"))
        if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
            where = f"{self.file}:{self.lines.get(path, 1)}"
            raise DesignFault(Fault(where, "half a character (a lone surrogate)", "write the character itself"))
        return value


def _scalar(node: Any) -> Any:
    """Strip the reader's own number and string types."""
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node.isoformat() if isinstance(node, date) else node


def _adapter_of(kind: Any) -> TypeAdapter[Any]:
    """Return the validator of a type, made once."""
    return _adapter(kind)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


@cache
def _described(kind: Any) -> TypeAdapter[Any]:
    """Return the validator of a type with the docstrings of its fields, for what shows them."""
    from pydantic import TypeAdapter

    config = Declared.__pydantic_config__
    config["use_attribute_docstrings"] = True
    try:
        return TypeAdapter(kind)
    finally:
        config["use_attribute_docstrings"] = False


def build(kind: type[T], value: Any, document: Document, path: Path_ = (), faults: Faults | None = None) -> T | None:
    """Check a plain value against a declared type and return the object.

    Parameters
    ----------
    kind
        A dataclass that inherits `Declared`, or any annotation.
    value
        The plain value.
    document, path
        Where it stands, for the faults.
    faults
        Collector; without one the faults are raised at once.

    Returns
    -------
    object or None
        None where faults were added to the collector.
    """
    from pydantic import ValidationError

    checked: T | None = None
    own = Faults()
    try:
        checked = _adapter_of(kind).validate_python(value)
        for inner in _flags(value, checked):
            flagged = (*path, *inner)
            (faults or own).add(
                document.where(flagged), f"{_dotted(flagged)}: true or false where a number is meant", "write a number"
            )
        own.stop()
    except ValidationError as error:
        own = faults or own
        for full, problem in _deepest([(_located(one["loc"], document, path), one) for one in error.errors()]):
            key = _dotted(full) or str(document.path.name)
            what, instead = _words(problem, kind, full[len(path) :])
            if problem["type"] == "literal_error":
                instead += _or_number([one for one in error.errors() if _located(one["loc"], document, path) == full])
            own.add(document.where(full), f"{key}: {what}", instead)
        if faults is None:
            own.stop()
    return checked


def seeded(given: Any, otherwise: int = 0) -> int:
    """Return a seed that was given in Python, or another where it is None.

    Raises
    ------
    DesignFault
        It is no whole number from zero on.
    """
    checked = build(Seed, otherwise if given is None else given, Document({}, Path("seed")))
    if checked is None:
        raise OurFault("a seed was not read, and no fault says why")
    return checked


def _flags(given: Any, made: Any) -> Iterator[Path_]:
    """Yield the keys where true or false was written and a number was read."""
    if isinstance(given, bool) and isinstance(made, int | float) and not isinstance(made, bool):
        yield ()
    if isinstance(given, Mapping):
        for key, value in given.items():
            part = made.get(key) if isinstance(made, Mapping) else getattr(made, str(key), None)
            yield from ((key, *rest) for rest in _flags(value, part))
    elif isinstance(given, list) and isinstance(made, list | tuple) and len(made) == len(given):
        for i, (value, part) in enumerate(zip(given, made, strict=True)):
            yield from ((i, *rest) for rest in _flags(value, part))


def _dotted(path: Path_) -> str:
    return ".".join(str(part) for part in path)


def _located(loc: Path_, document: Document, path: Path_) -> Path_:
    """Return the keys of a problem, without the names of union members that pydantic puts between them."""
    inner: Path_ = ()
    for part in loc:
        if (*path, *inner, part) in document.lines or not _is_tag(part):
            inner = (*inner, part)
    return (*path, *(inner or loc[-1:]))  # of a file without lines an unknown key may look like a tag


def _deepest(problems: list[tuple[Path_, Any]]) -> list[tuple[Path_, Any]]:
    """Keep what was said deepest in: the branch of a union that fits best, not every branch that does not."""
    kept = []
    for i, (full, problem) in enumerate(problems):
        deeper = any(len(other) > len(full) and other[: len(full)] == full for other, _ in problems)
        again = any(other == full for other, _ in problems[:i])
        if not deeper and not again:
            kept.append((full, problem))
    return kept


def _is_tag(part: str | int) -> bool:
    """Tell pydantic's names of union members (``function-after[...]``, ``list[str]``, ``Restrict``) from keys."""
    return isinstance(part, str) and (not part.isidentifier() or part in _TAGS or part[:1].isupper())


_TAGS = {"str", "int", "float", "bool", "none", "dict", "list", "tuple", "constrained-str", "constrained-int"}


def _words(problem: Any, kind: Any, inner: Path_) -> tuple[str, str]:
    """Return what is wrong and what to write instead."""
    given = problem.get("input")
    context = problem.get("ctx", {})
    match problem["type"]:
        case "unexpected_keyword_argument" | "extra_forbidden" if str(inner[-1]) == "None" or " " in str(inner[-1]):
            return "is read as a key", "put text that holds a comma or a colon in quotes"
        case "unexpected_keyword_argument" | "extra_forbidden":
            return "no such key", nearest(str(inner[-1]), valid_keys(_owner(kind, inner)))
        case "missing" | "missing_argument":
            return "is missing", "add it"
        case "literal_error":
            options = [option.strip("' ") for option in context["expected"].replace(" or ", ", ").split(",")]
            return f"{given!r} is not one of the options", nearest(str(given), options)
        case "dataclass_type":
            return f"{_shown(given)}: must be a mapping", f"write keys of {', '.join(valid_keys(_target(kind, inner)))}"
        case "value_error":
            return str(context["error"]), ""
    text = problem["msg"].replace("Input should be", "must be").replace("a valid dictionary", "a mapping")
    return f"{_shown(given)}: {text[:1].lower()}{text[1:]}", ""


def _or_number(problems: Sequence[Any]) -> str:
    """Say that a number can be written where options stand beside one; problems are all of one place."""
    for problem in problems:
        match problem["type"]:
            case "greater_than":
                return f", or a number above {problem['ctx']['gt']:g}"
            case "greater_than_equal":
                return f", or a number from {problem['ctx']['ge']:g} on"
            case "float_type" | "float_parsing" | "int_type" | "int_parsing" | "less_than" | "less_than_equal":
                return ", or a number"
    return ""


def _shown(given: Any) -> str:
    """Show a scalar as it is, anything longer by its kind."""
    return repr(given) if isinstance(given, str | int | float | bool | None) else f"a {type(given).__name__}"


def _owner(kind: Any, inner: Path_) -> Any:
    """Return the dataclass that an inner key belongs to."""
    return _target(kind, inner[:-1])


def _target(kind: Any, inner: Path_) -> Any:
    """Return the dataclass that stands at an inner key."""
    owner = kind
    for part in inner:
        found = _nested(owner, part)
        owner = found if found is not None else owner
    return owner


def _nested(owner: Any, part: str | int) -> Any:
    from typing import get_args, get_type_hints

    if not is_dataclass(owner) or not isinstance(part, str):
        return None
    pending = [get_type_hints(owner).get(part)]
    while pending:
        candidate = pending.pop()
        if is_dataclass(candidate):
            return candidate
        pending.extend(get_args(candidate))
    return None


def valid_keys(kind: Any) -> list[str]:
    """List the keys that a declared type takes."""
    if not is_dataclass(kind):
        return []
    return [f.name for f in fields(kind) if f.init and not f.name.startswith("_")]


def _properties(kind: Any) -> dict[str, Any]:
    properties: dict[str, Any] = _described(kind).json_schema()["properties"]
    return properties


def json_schema(kind: Any) -> dict[str, Any]:
    """Return the JSON Schema of a declared type, descriptions taken from the fields' docstrings."""
    schema: dict[str, Any] = _described(kind).json_schema()
    for base in getattr(kind, "__mro__", ())[1:]:  # pydantic reads docstrings of a class's own fields only
        inherited = _properties(base) if is_dataclass(base) else {}
        for name, described in inherited.items():
            if "description" in described:
                schema["properties"][name].setdefault("description", described["description"])
    return schema
