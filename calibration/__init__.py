"""Studies whose truth is known, put through the real analysis code: does it keep its promises?

`make calibrate` runs `python -m calibration` and prints one table. Not installed, not part of `clr`: it imports `clr`
as a user would, and only `independent_rule` says the rule a second time.
"""
