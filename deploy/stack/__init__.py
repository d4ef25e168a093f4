"""What creates, updates and removes a stack: a shell script for the vendor's command line tool.

The script is a value made from values: nothing is called to make it. Must not know how a package is built.
"""

from .action import ACTIONS, Action, StackError
from .package import Package, read_package
from .script import run_script, stack_script

__all__ = ["ACTIONS", "Action", "Package", "StackError", "read_package", "run_script", "stack_script"]
