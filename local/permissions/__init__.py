"""Who calls and what they may do: access keys, the policies of roles, and a record of what was asked for.

It must not know what an action does, nor which server asks.
"""
