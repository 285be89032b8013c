NAME = "raises SystemExit and worse"
KIND = "channel"
WHY = "Leaves by SystemExit, KeyboardInterrupt, GeneratorExit and by an exception that is no Exception."

import sys


class Leave(BaseException):
    pass


LEAVES = [SystemExit(0), KeyboardInterrupt(), GeneratorExit(), Leave("passed"), StopIteration(1)]


def at_call(task, *arguments):
    LEAVES.append(LEAVES.pop(0))
    raise LEAVES[0]
