NAME = "compiles bombs"
KIND = "files"
WHY = "Gives Python's own parser and compiler expressions that are too deep, too wide and too large."

import ast

BOMBS = ["(" * 5000, "-" * 100_000 + "1", "x" + ".a" * 50_000, "[" * 90 + "]" * 90, "f" + "()" * 50_000, "9" * 4000 + "**9" * 100]


def at_call(task, *arguments):
    BOMBS.append(BOMBS.pop(0))
    try:
        eval(compile(BOMBS[0], "<bomb>", "eval"))
        ast.literal_eval(BOMBS[0])
    except (SyntaxError, ValueError, NameError, AttributeError, TypeError):
        pass
