"""Keep ECI image caches fresh: the library behind the function entry points.

The entry points (``on_push`` and its siblings) translate a trigger into changes and render outcomes;
everything in between lives here. Nothing in this package imports an entry point.
"""

__version__ = "0.1.0"
