NAME = "starts threads without end"
KIND = "denial"
WHY = "Starts threads that spin until no more can be had."

import threading


def spin():
    while True:
        pass


def at_call(task, *arguments):
    while True:
        try:
            threading.Thread(target=spin, daemon=True).start()
        except RuntimeError:
            pass
