"""A browser that opens a page: what it makes of it, what it says, and whether a person can read it."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["READABLE", "SCHEMES", "Shown", "needs_chromium", "opened", "texts_in"]

READABLE = 4.5
"""The least contrast of a text, by level AA of WCAG 2."""
SCHEMES = {"dark": "0", "light": "1"}
"""As the browser's setting ``preferredColorScheme`` has them."""
_CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(_CHROMIUM is None, reason="not on this machine: chromium")
_SCRIPT = """<pre id="found"></pre><script>
const numbers = color => (color.match(/[0-9.]+/g) || [0, 0, 0, 0]).map(Number);
const luminance = color => numbers(color).slice(0, 3)
  .map(each => each / 255)
  .map(each => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
  .reduce((sum, each, place) => sum + each * [0.2126, 0.7152, 0.0722][place], 0);
const behind = element => {
  for (; element; element = element.parentElement) {
    const style = getComputedStyle(element);
    const rect = element instanceof SVGSVGElement && element.querySelector(":scope > rect");
    if (rect && rect.getAttribute("width") === "100%") return getComputedStyle(rect).fill;
    const color = numbers(style.backgroundColor);
    if (color.length === 3 || color[3] > 0) return style.backgroundColor;
  }
  return "rgb(255, 255, 255)";
};
const found = [];
for (const element of document.querySelectorAll("main *, main")) {
  const own = [...element.childNodes].filter(each => each.nodeType === 3).map(each => each.data);
  const text = own.join("").trim();
  if (!text || ["script", "style", "title"].includes(element.localName)) continue;
  const style = getComputedStyle(element), ground = luminance(behind(element));
  const color = luminance(element instanceof SVGElement ? style.fill : style.color);
  const contrast = (Math.max(color, ground) + 0.05) / (Math.min(color, ground) + 0.05);
  found.push({text, contrast, behind: ground});
}
document.getElementById("found").textContent = JSON.stringify(found);
</script>"""


@dataclass(frozen=True)
class Shown:
    """A text of a page.

    Attributes:
        text: it.
        contrast: of its color to the one behind it, by WCAG 2: from 1 to 21.
        behind: the luminance of that one, from 0 to 1.
    """

    text: str
    contrast: float
    behind: float


def opened(path: Path, profile: Path, scheme: str = "light") -> tuple[str, str]:
    """The page that chromium made of a file, and what it said on its console.

    Args:
        path: of the file.
        profile: a folder for the browser.
        scheme: one of ``SCHEMES``.
    """
    run = subprocess.run(
        [
            *(str(_CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"),
            f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
            *("--enable-logging=stderr", "--log-level=0", "--dump-dom", path.as_uri()),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return run.stdout, "\n".join(line for line in run.stderr.splitlines() if ":CONSOLE" in line)


def texts_in(page: str, copy: Path, profile: Path, scheme: str) -> list[Shown]:
    """The texts of a page's ``main`` as a browser shows them.

    Args:
        page: HTML.
        copy: a file for a copy of it that may run a script.
        profile: a folder for the browser.
        scheme: one of ``SCHEMES``.
    """
    allowed = re.sub("<meta http-equiv=.Content-Security-Policy[^>]*>", "", page)
    copy.write_text(allowed.replace("</main>", f"</main>{_SCRIPT}"), encoding="utf-8")
    dom, console = opened(copy, profile, scheme)
    assert console == ""
    found = re.search('<pre id="found">(.*?)</pre>', dom, re.DOTALL)
    assert found is not None
    return [Shown(**each) for each in json.loads(html.unescape(found[1]))]
