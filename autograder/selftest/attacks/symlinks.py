NAME = "leaves links behind"
KIND = "files"
WHY = "Fills its folder with symbolic links to secrets, loops of links, hard links and odd names."

import os

os.remove(__file__)
LINKS = {
    __file__: "/etc/passwd", "results.json": "/proc/self/mem", "loop": "loop", "up": "../../..", "kit": "/kit",
    "name with\nline": "/etc/shadow", "-rf": "/", "\x1b[2J": "x", "\udcff": "y", "=cmd|' /C calc'!A0": "z",
}
for name, target in LINKS.items():
    try:
        os.symlink(target, name)
        os.link("/kit/assignment/assignment.toml", "hard")
    except OSError:
        pass
DEEP = "d"
try:
    for _ in range(2000):
        os.mkdir("d")
        os.chmod("d", 0o700)
        os.chdir("d")
    os.chmod(".", 0)
except OSError:
    pass
