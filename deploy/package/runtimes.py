"""The runtimes of Function Compute that a package can be made for, as pip and compilers see them.

Sources: the vendor's list of runtimes (python3.12 on Debian 11, python3.10 on Debian 10, both x86_64 here);
Debian 11 has glibc 2.31, Debian 10 has 2.28. Must not know this machine: a package is made for another one.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CODE_FOLDER", "DEFAULT_RUNTIME", "RUNTIMES", "Runtime"]

CODE_FOLDER = "/code"
"""Where Function Compute unpacks the zip file; it is the import path, and read-only."""

DEFAULT_RUNTIME = "python3.12"

_OLDEST_GLIBC_MINOR = 5
"""The oldest glibc that a wheel can ask for is 2.5 (manylinux1)."""


@dataclass(frozen=True)
class Runtime:
    """A runtime of Function Compute.

    Attributes:
        name: as the property Runtime of a function has it.
        python: major and minor version.
        glibc_minor: x of its glibc 2.x.
        magic: the number at the beginning of its .pyc files, the same in all releases of the minor version.
    """

    name: str
    python: str
    glibc_minor: int
    magic: int

    @property
    def abi(self) -> str:
        """The tag of extension modules that are made for this version alone."""
        return "cp" + self.python.replace(".", "")

    @property
    def cache_tag(self) -> str:
        """What stands between the module's name and ``.pyc`` in the name of a .pyc file."""
        return "cpython-" + self.python.replace(".", "")

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platform tags that it can load, best first, the names from before PEP 600 last."""
        minors = range(self.glibc_minor, _OLDEST_GLIBC_MINOR - 1, -1)
        # pip knows that manylinux2014 takes in manylinux2010 and manylinux1.
        return (*(f"manylinux_2_{minor}_x86_64" for minor in minors), "manylinux2014_x86_64")

    @property
    def markers(self) -> dict[str, str]:
        """The environment that a requirement's markers are judged by (PEP 508)."""
        return {
            "extra": "",
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": "x86_64",
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
        }


RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        Runtime("python3.12", python="3.12", glibc_minor=31, magic=3531),
        Runtime("python3.10", python="3.10", glibc_minor=28, magic=3439),
    )
}
