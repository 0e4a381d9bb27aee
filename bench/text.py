"""Text that comes from records, made harmless for the place where it is shown.

Method labels, task names and above all error messages are written by others: a pipe must not open a column, a line
break must not end a table, HTML must not run on a page, `=cmd()` must not run in a spreadsheet, and an escape
sequence must not reach the terminal.
"""

from __future__ import annotations

import re
import unicodedata

# Brackets being escaped, parentheses and exclamation marks make neither links nor images.
_MARKDOWN = re.compile(r"([\\`*_\[\]|~$])")
_ORDERED = re.compile(r"^(\d+)([.)])")
# Full-width forms count too: spreadsheets fold them to the plain ones.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Other characters: C controls, f format (direction overrides hide what is written), s surrogates, l and p separators.
_HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def plain(text: str, limit: int | None = None) -> str:
    """One printable line: controls, line breaks and direction marks become spaces; cut at `limit` characters."""
    if not text.isascii() or not text.isprintable():
        text = "".join(" " if unicodedata.category(character) in _HARMFUL else character for character in text)
    text = " ".join(text.split())
    return text if limit is None or len(text) <= limit else text[: limit - 1] + "…"


def markdown(text: str, limit: int | None = None) -> str:
    """Text that Markdown shows as it is, in a table cell, a heading or a list item."""
    text = plain(text, limit)
    # First of all, since the replacements below bring ampersands of their own.
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _MARKDOWN.sub(r"\\\1", text)
    # Bare addresses would become links, and names after an at sign mentions.
    text = text.replace("://", "&#58;//").replace("www.", "www&#46;").replace("@", "&#64;")
    text = _ORDERED.sub(r"\1\\\2", text)
    return "\\" + text if text[:1] in {"-", "=", "+", "#"} else text


def markdown_figure(figure: str) -> str:
    """A figure of our own in a table's cell. No line starts there, so that its signs, points and brackets stay readable."""
    return figure.replace("~", r"\~")  # a lone tilde is literal, two in one paragraph may strike out what is between


_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "`": r"\textasciigrave{}", '"': r"\textquotedbl{}"},
    # A bracket after a line's end would be read as an argument of it, two hyphens as a dash.
    **{"[": "{[}", "]": "{]}", "-": "{-}", "±": r"$\pm$", "†": r"$^{\dagger}$"},
}


def latex(text: str) -> str:
    """Text that LaTeX sets as it is, in a table cell or a caption."""
    return "".join(_LATEX.get(character, character) for character in plain(text))


def spreadsheet(text: str) -> str:
    """Text for a CSV cell: an apostrophe before what a spreadsheet would take for a formula. Not for numbers."""
    text = text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
    # A lone carriage return is written without quotes and read back as the end of the row.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "'" + text if text.startswith(_FORMULA) else text


def file_name(text: str, limit: int = 80) -> str:
    """Lower-case letters, digits and hyphens only, so that it is one name on every file system."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return name[:limit].strip("-") or "unnamed"


def printable(text: str) -> str:
    """As `plain`, for text of several lines: line breaks and indentation stay. For HTML, after its own escaping."""
    kept = ("\n", "\t")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        " " if unicodedata.category(character) in _HARMFUL and character not in kept else character for character in text
    )
