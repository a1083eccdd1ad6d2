"""python -m clr.cli"""

from clr.cli import main

main()
