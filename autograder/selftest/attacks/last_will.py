NAME = "objects with a last will"
KIND = "denial"
WHY = "Objects whose deletion loops, forks or ends the process, kept until a new test begins."

import os


class Will:
    def __del__(self):
        while os.getpid():
            pass


class GDextractor:
    def __init__(self, *arguments, **options):
        super().__init__()
        self.will = Will()
        self.dim = -1


class ArcFace:
    def __init__(self, *arguments, **options):
        super().__init__()
        self.weight = Will()
