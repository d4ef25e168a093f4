"""Reads ROS templates: YAML, parameters, functions, conditions, and resources with their values resolved.

It must not know what any resource type means, nor how anything is served.
"""
