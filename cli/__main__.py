"""``python -m cli``: the same as the command ``imc-refresh``."""

from __future__ import annotations

from .app import app

if __name__ == "__main__":
    app(prog_name="imc-refresh")
