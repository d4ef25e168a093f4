"""``imc-refresh doctor``: asks the account about one stack, a line a check. It leaves a probe task, no more.

``account`` makes the calls; each of the other modules reads what one group of checks needs and judges it by
pure functions of what was read. A check must not know credentials, nor how its line is shown.
"""
