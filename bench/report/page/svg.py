"""SVG files made fit to stand side by side in one HTML page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from markupsafe import Markup

# matplotlib's one style rule would hold for the whole page; the page's own style sheet says the same for plots.
_DROPPED = {"metadata", "style", "script", "foreignObject"}
_POINTER = re.compile(r"url\(#([^)]+)\)")
_LONG = re.compile(r"(\.\d\d)\d+")
_COORDINATES = ("d", "x", "y")
_WHITE = {"fill: #ffffff", "fill:#ffffff"}


def inline(svg: str, prefix: str, title: str) -> Markup:
    """The `svg` element alone, safe in HTML, its ids beginning with `prefix` so that those of two plots never collide.

    The white ground is left out, so that the page's own shows. Nothing that could load or run anything is kept.
    Raises xml.etree.ElementTree.ParseError if `svg` is not well-formed.
    """
    root = ElementTree.fromstring(svg)  # comments, which HTML ends elsewhere than XML does, are lost here
    for element in root.iter():
        _without_namespaces(element)
    used = set(_pointers(root))
    _clean(root, used, prefix)
    root.attrib.pop("version", None)
    root.attrib |= {"role": "img", "aria-label": title}
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def width(svg: str) -> float:
    """Width of the view box, in points."""
    found = re.search(r'viewBox="\S+ \S+ (\S+) ', svg)
    return float(found[1]) if found else 0.0


def _without_namespaces(element: Element) -> None:
    """HTML knows svg elements by name; attributes of a namespace (xlink:href) keep the name alone."""
    element.tag = _local(element.tag)
    for name in list(element.attrib):
        element.attrib[_local(name)] = element.attrib.pop(name)


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _pointers(root: Element) -> Iterator[str]:
    """The ids that something in the drawing points to; matplotlib names everything, also what nobody asks for."""
    for element in root.iter():
        for name, value in element.attrib.items():
            yield from _POINTER.findall(value)
            if name == "href" and value.startswith("#"):
                yield value[1:]


def _clean(element: Element, used: set[str], prefix: str) -> None:
    for child in list(element):
        if child.tag in _DROPPED or _ground(child):
            element.remove(child)
        else:
            _clean(child, used, prefix)
            child.tail = None
    if element.tag not in {"text", "tspan"}:
        element.text = None
    for name, value in list(element.attrib.items()):
        kept = _attribute(name, value, used, prefix)
        if kept is None:
            del element.attrib[name]
        else:
            element.attrib[name] = kept


def _attribute(name: str, value: str, used: set[str], prefix: str) -> str | None:
    """The attribute's new value, None to leave it out."""
    if name.startswith("on"):
        return None
    if name == "id":
        return prefix + value if value in used else None
    if name == "href":
        if value.startswith("#"):
            return f"#{prefix}{value[1:]}"
        return "".join(value.split()) if value.startswith("data:image/png;base64,") else None
    value = _POINTER.sub(rf"url(#{prefix}\1)", " ".join(value.split()))
    # A hundredth of a point is finer than any screen, and half of the file would be further digits.
    return _LONG.sub(r"\1", value) if name in _COORDINATES else value


def _ground(element: Element) -> bool:
    """The white rectangle behind a figure or behind axes."""
    if element.tag != "g" or not element.get("id", "").startswith("patch_") or len(element) != 1:
        return False
    return element[0].tag == "path" and element[0].get("style", "").strip() in _WHITE
