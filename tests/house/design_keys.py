"""The page of every key of a design, made from the schema that editors get."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sos_eval.design.schema import design_schema
from tests.conftest import ROOT

__all__ = ["design_keys"]

HEAD = """\
# Every key of a design

What a key takes, what it is where nobody writes it, and what it means; a dot is a level of the YAML, `[]` an entry of a
list, `NAME` a name of your own. `sos-eval init` writes the same as a JSON Schema, with which an editor completes and
checks. An unknown key is a fault that names the nearest.
Made by `make docs` from the typed fields that validate a design; the examples are the sections of one design,
[example_design.yaml](example_design.yaml), over a csv, which a test checks.
"""
#: A design that has every section.
EXAMPLE = ROOT / "docs" / "example_design.yaml"
#: Keys that name the method of an entry.
NAMING = ("method", "discover")


def design_keys() -> str:
    """Return the page."""
    schema = design_schema()
    made, shown = _Keys(schema["$defs"]), _examples(EXAMPLE.read_text(encoding="utf-8"))
    parts = [HEAD, "## At the top\n", made.table(_plain(schema), "")]
    for name, section in schema["properties"].items():
        head, *rest = made.section(name, section) or [""]
        parts += [head, *([f"```yaml\n{shown[name]}\n```\n"] if rest else []), *rest]
    return "\n".join(parts).rstrip() + "\n"


def _examples(text: str) -> dict[str, str]:
    """Split a design into its sections, by key."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if line[:1].isalpha():
            name = line.split(":")[0]
        if name:
            found.setdefault(name, []).append(line)
    return {key: "\n".join(lines) for key, lines in found.items()}


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys at the top that are one value."""
    simple = {name: one for name, one in schema["properties"].items() if one.get("type") in ("string", "integer")}
    return {"properties": {"schema": {"description": "Version of the format."}, **simple}}


class _Keys:
    """Reads a schema whose parts are defined once."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self.definitions = definitions

    def section(self, name: str, schema: Mapping[str, Any]) -> list[str]:
        """Return a heading with its table; a heading each where methods are told apart by their name."""
        listed = schema.get("type") == "array"
        body = schema["items"] if listed else schema
        methods = {_named(one, name): self._of(one, name) for one in _options(body) if _named(one, name)}
        if methods:
            shared = _shared(list(methods.values()))
            said = [f"## {name}\n", _words(schema)]
            if shared["properties"]:
                said += [f"### {name}: every method\n", self.table(shared, "")]
            for method, own in methods.items():
                words = str(own.get("description", "")).split("\n\n")[0].replace("\n", " ")
                keys = {key: one for key, one in own["properties"].items() if key not in shared["properties"]}
                said += [f"### {name}: {method}\n", words, "", self.table({**own, "properties": keys}, "")]
            return [*said, ""]
        if "properties" not in self._seen(body):
            return []
        return [f"## {name}{'[]' if listed else ''}\n", _words(schema), "", self.table(body, f"{name}.")]

    def _of(self, schema: Mapping[str, Any], section: str) -> Mapping[str, Any]:
        """Return the keys of a method: a check stands under its name."""
        if section != "checks":
            return schema
        (inner,) = schema["properties"].values()
        return {"properties": {}, **self._seen(inner), "description": schema.get("description", "")}

    def table(self, schema: Mapping[str, Any], stem: str) -> str:
        """Return the table of the keys below a place."""
        rows = list(self._rows(schema, stem, ()))
        if not rows:
            return "No keys.\n"
        lines = [f"| {' | '.join(row)} |" for row in (("key", "takes", "default", "means"), ("---",) * 4, *rows)]
        return "\n".join(lines) + "\n"

    def _rows(self, schema: Mapping[str, Any], stem: str, inside: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        needed = schema.get("required", [])
        for name, one in schema.get("properties", {}).items():
            if name in NAMING and "const" in one:
                continue
            default = "needed" if name in needed else _default(one)
            yield f"`{stem}{name}`", self._takes(one), default, _words(one)
            for below, part in self._below(one):
                ref = part.get("$ref", "")
                if ref in inside:
                    continue
                yield from self._rows(self._seen(part), f"{stem}{name}{below}.", (*inside, ref) if ref else inside)

    def _below(self, schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the mappings that a key may hold: itself, entries of a list, values under names of one's own."""
        for one in [schema, *_options(schema)]:
            whole = self._seen(one)
            if "properties" in whole:
                yield "", one
            for key, below in (("items", "[]"), ("additionalProperties", ".NAME")):
                inner = whole.get(key)
                if isinstance(inner, Mapping) and "properties" in self._seen(inner):
                    yield below, inner

    def _seen(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema

    def _takes(self, schema: Mapping[str, Any]) -> str:
        """Say what a key takes."""
        if "const" in schema:
            return f"`{schema['const']}`"
        if "enum" in schema:
            return ", ".join(f"`{one}`" for one in schema["enum"])
        if options := [one for one in _options(schema) if one.get("type") != "null"]:
            return " or ".join(dict.fromkeys(self._takes(one) for one in options))
        whole = self._seen(schema)
        if "properties" in whole:
            return "keys below"
        if whole.get("type") == "array":
            inner = whole.get("items", {})
            return f"list of {self._takes(inner) if isinstance(inner, Mapping) and inner else 'values'}"
        if whole.get("type") == "object":
            return "mapping"
        kind = {"number": "number", "integer": "whole number", "string": "text", "boolean": "true or false"}
        return f"{kind.get(str(whole.get('type')), 'any value')}{_bounds(whole)}"


def _options(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*schema.get("anyOf", []), *schema.get("oneOf", [])]


def _shared(methods: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the keys that every method has, the same in all."""
    first, *others = [method["properties"] for method in methods]
    same = {key: one for key, one in first.items() if all(other.get(key) == one for other in others)}
    return {"properties": same}


def _named(schema: Mapping[str, Any], section: str) -> str:
    """Return the method that an entry is of; of a check its only key."""
    properties = schema.get("properties", {})
    if section == "checks":
        return next(iter(properties), "")
    for key in NAMING:
        if "const" in properties.get(key, {}):
            return str(properties[key]["const"])
    return ""


def _bounds(schema: Mapping[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    said = [f"{sign} {schema[key]:g}" for key, sign in signs.items() if key in schema]
    return f" {', '.join(said)}" if said else ""


def _default(schema: Mapping[str, Any]) -> str:
    value = schema.get("default")
    if value is None or value in ("", [], {}):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _words(schema: Mapping[str, Any]) -> str:
    return str(schema.get("description", "")).replace("\n", " ").replace("|", "\\|")
