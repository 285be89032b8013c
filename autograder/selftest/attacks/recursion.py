NAME = "recurses to the bottom"
KIND = "denial"
WHY = "Recursion in Python, in C and in repr, with the limit raised."

import sys

sys.setrecursionlimit(10**9)


def down(n):
    return down(n + 1) + 1


def at_call(task, *arguments):
    if task == "triplet_loss":
        nested = []
        for _ in range(10**6):
            nested = [nested]
        repr(nested)
    down(0)
