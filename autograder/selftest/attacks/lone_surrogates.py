NAME = "texts that no file can hold"
KIND = "files"
WHY = "Exceptions, names and values with lone surrogates, which cannot be written as UTF-8."

Broken = type("\udcff\ud800", (Exception,), {}) if False else type("Broken", (Exception,), {})


def at_call(task, *arguments):
    raise Broken("\ud800 \udfff \udcff")


def distances(a, b):
    return "\ud800"


def triplet_loss(distances_pos, distances_neg, margin):
    return {"\udcff": "\ud800"}
