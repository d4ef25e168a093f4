"""A picture of the story for a page: a part of its lines as SVG, in light and in dark.

Made of what a run printed. Must not know how it is played.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from rich.console import Console
from rich.style import Style
from rich.text import Text

__all__ = ["save_picture"]

_COLUMNS = 80
_COLUMN, _LINE, _FONT, _EDGE = 8.5, 19, 14, 16
_BEGIN, _PAUSE, _END = "Now a burst", "Push 6:", "The burst asked"
"""What the first line of the picture begins with, the first that is left out, and the first of the end."""
_STYLE = f"""
text {{ font: {_FONT}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  fill: #1f2328; white-space: pre }}
rect {{ fill: #f6f8fa }}
.bold {{ font-weight: bold }}
.cyan {{ fill: #0550ae }} .yellow {{ fill: #7d4e00 }} .green {{ fill: #116329 }}
.bright_black {{ fill: #59636e }}
@media (prefers-color-scheme: dark) {{
  text {{ fill: #f0f6fc }}
  rect {{ fill: #151b23 }}
  .cyan {{ fill: #79c0ff }} .yellow {{ fill: #f2cc60 }} .green {{ fill: #7ee787 }}
  .bright_black {{ fill: #9198a1 }}
}}
"""


def save_picture(told: Sequence[Text], file: Path) -> None:
    """Write the picture.

    It has the first pushes of the burst, and the end of the story.

    Args:
        told: the lines of a story that held.
        file: where to.
    """
    console = Console(width=_COLUMNS)
    begin, pause, end = (_line_with(told, words) for words in (_BEGIN, _PAUSE, _END))
    chosen = [Text("$ make demo"), Text("…"), *told[begin:pause], Text("…"), *told[end:]]
    lines = [part for line in chosen for part in line.wrap(console, _COLUMNS)]
    width, height = _COLUMNS * _COLUMN + 2 * _EDGE, len(lines) * _LINE + 2 * _EDGE
    texts = "\n".join(
        f'<text x="{_EDGE}" y="{_EDGE + number * _LINE + _FONT}">{"".join(_spans(line, console))}</text>'
        for number, line in enumerate(lines)
        if line
    )
    file.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img">\n'
        f"<title>What make demo prints</title>\n<style>{_STYLE}</style>\n"
        f'<rect width="100%" height="100%" rx="8"/>\n{texts}\n</svg>\n',
        encoding="utf-8",
    )


def _line_with(told: Sequence[Text], beginning: str) -> int:
    return next(number for number, line in enumerate(told) if line.plain.startswith(beginning))


def _spans(line: Text, console: Console) -> Iterator[str]:
    """The parts of a line; the names of the classes are those of the styles."""
    for text, style, _ in line.render(console):
        names = " ".join(_class_names(style)) if style else ""
        yield f'<tspan class="{names}">{escape(text)}</tspan>' if names else escape(text)


def _class_names(style: Style) -> Iterator[str]:
    if style.bold:
        yield "bold"
    if style.color is not None:
        yield style.color.name
