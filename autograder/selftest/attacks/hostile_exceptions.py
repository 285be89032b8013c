NAME = "exceptions that fight back"
KIND = "denial"
WHY = "Exceptions whose text raises, loops, is huge, or whose class, arguments and traceback are not what they seem."

class Raises(Exception):
    def __str__(self):
        raise Raises()

    __repr__ = __str__


class Exits(Exception):
    def __str__(self):
        raise SystemExit("passed")


class Huge(Exception):
    def __str__(self):
        return "x" * 300_000_000


class NoText(Exception):
    def __str__(self):
        return 7


class Chain(Exception):
    __traceback__ = property(lambda self: 1 / 0)
    __class__ = property(lambda self: NotImplementedError)


KINDS = [Raises, Exits, Huge, NoText, Chain]


def at_call(task, *arguments):
    KINDS.append(KINDS.pop(0))
    raise KINDS[0]()
