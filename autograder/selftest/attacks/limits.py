NAME = "changes limits and priorities"
KIND = "denial"
WHY = "Raises its limits, lowers those of others, changes priorities, affinities and the killer's choice."

import os
import resource

CHANGED = []
for kind in (resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU, resource.RLIMIT_NOFILE):
    for pid in (0, 1, os.getppid()):
        try:
            resource.prlimit(pid, kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            CHANGED.append(kind)
        except (OSError, ValueError):
            pass
for action in (
    lambda: os.nice(-20), lambda: os.setuid(0), lambda: os.setgroups([0]), lambda: os.sched_setscheduler(0, 1, os.sched_param(99)),
    lambda: open("/proc/self/oom_score_adj", "w").write("-1000"), lambda: open("/proc/1/oom_score_adj", "w").write("-1000"),
):
    try:
        action()
        CHANGED.append(action)
    except OSError:
        pass


def at_call(task, *arguments):
    if CHANGED:
        raise RuntimeError(str(CHANGED))
