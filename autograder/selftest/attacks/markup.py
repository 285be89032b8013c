NAME = "puts markup in all its texts"
KIND = "files"
WHY = "Scripts, terminal escapes, formulas and directions in exceptions, class names and printed output."

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\x1b[2J\x1b]8;;http://evil\x07=HYPERLINK(1)[x](javascript:1)\u202e\x00"
Evil = type(EVIL.replace("\x00", ""), (Exception,), {"__module__": EVIL, "__qualname__": EVIL.replace("\x00", "")})
Thing = type("<b onmouseover=alert(1)>[bold red]", (), {"__call__": lambda self, *arguments: Thing()})


def at_call(task, *arguments):
    print(EVIL)
    if task in ("distances", "train"):
        raise Evil(EVIL)


def triplet_loss(distances_pos, distances_neg, margin):
    return Thing()


def smooth_ap_loss(features, labels, tau=0.01):
    return {EVIL: EVIL}


def batch_triplet_loss(features, labels, margin):
    return [EVIL] * 50
