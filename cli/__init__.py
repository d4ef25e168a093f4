"""The operator's command ``imc-refresh``: what would happen, what is there now, what is wrong.

It runs on a person's machine or in a check of a pull request, never in the functions, and no module of theirs
imports it. What a push means is decided by the library alone: a command shows what that says. It must not
import an entry point, and it changes nothing in an account but by what a person was shown and confirmed.
"""
