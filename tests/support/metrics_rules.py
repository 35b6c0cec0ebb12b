"""What `promtool check metrics` demands of a text with metrics."""

import re

_SAMPLE = re.compile(r"(?P<name>[a-z_:][a-z0-9_:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'([a-z_][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
_NOT_BASE_UNITS = re.compile(
    r"_(?:milliseconds|ms|microseconds|minutes|hours|days|kilobytes|kb|megabytes|mb|mib|percent"
    r"|bits|weeks)(?:_|$)"
)
_TYPES = ("counter", "gauge", "histogram", "summary", "untyped", "info")
_HISTOGRAM = ("_bucket", "_sum", "_count")


def broken_rules(text: str) -> list[str]:
    """A sentence for each rule that the text breaks; the rules are those of Prometheus' linter."""
    found: list[str] = []
    helps: dict[str, str] = {}
    kinds: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    if not text.endswith("\n"):
        found.append("the text does not end with a line feed")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, name, words = line.split(" ", 3)
            found += [f"{name} has two helps"] * (name in helps)
            helps[name] = words
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            found += [f"{name} has two types"] * (name in kinds)
            kinds[name] = kind
        else:
            found += _of_sample(line, helps, kinds, seen)
    for name, kind in kinds.items():
        found += _of_family(name, kind, helps.get(name, ""))
    return found


def _of_sample(
    line: str, helps: dict[str, str], kinds: dict[str, str], seen: set[tuple[str, str]]
) -> list[str]:
    match = _SAMPLE.fullmatch(line)
    if match is None:
        return [f"not a sample: {line}"]
    name, labels = match["name"], match["labels"] or ""
    family = name
    for suffix in _HISTOGRAM:
        if kinds.get(name.removesuffix(suffix)) == "histogram":
            family = name.removesuffix(suffix)
    found = []
    if family not in helps or family not in kinds:
        found.append(f"{name} stands without help and type above it")
    if "".join(part[0] for part in _LABEL.finditer(labels)) != labels:
        found.append(f"{name} has labels that cannot be read: {labels}")
    names = [part[1] for part in _LABEL.finditer(labels)]
    if "le" in names and kinds.get(family) != "histogram":
        found.append(f"{name} has the label of a histogram")
    if len(set(names)) < len(names):
        found.append(f"{name} has a label twice: {labels}")
    if (name, labels) in seen:
        found.append(f"{name} has the same labels twice: {labels}")
    seen.add((name, labels))
    float(match["value"])
    return found


def _of_family(name: str, kind: str, help_text: str) -> list[str]:
    found = []
    if not help_text.strip():
        found.append(f"{name} has no help")
    if kind not in _TYPES:
        found.append(f"{name} has no type that there is: {kind}")
    if (kind == "counter") != name.endswith("_total"):
        found.append(f"{name} is a {kind}: only counters end with _total, and all do")
    if kind != "histogram" and name.endswith(_HISTOGRAM):
        found.append(f"{name} ends as the parts of a histogram do")
    if _NOT_BASE_UNITS.search(name):
        found.append(f"{name} is not in a base unit")
    if any(f"_{word}" in name for word in _TYPES[:4]):
        found.append(f"{name} has its type in its name")
    return found
