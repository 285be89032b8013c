NAME = "sleeps in every test"
KIND = "denial"
WHY = "Sleeps just under the limit of a test, in every call."

import time


def at_call(task, *arguments):
    time.sleep(0.9)
