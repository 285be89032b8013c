"""The system-call filter of a submission's process: it forbids what no solution needs and escapes are made of."""

from __future__ import annotations

import errno
import socket
import tempfile
from functools import cache

FORBIDDEN = (
    "acct add_key bpf chroot clock_settime delete_module finit_module fsconfig fsmount fsopen fspick init_module "
    "io_uring_enter io_uring_register io_uring_setup kcmp kexec_file_load kexec_load keyctl lookup_dcookie mount "
    "mount_setattr move_mount name_to_handle_at nfsservctl open_by_handle_at open_tree perf_event_open personality "
    "pidfd_getfd pivot_root process_vm_readv process_vm_writev ptrace quotactl reboot request_key setns settimeofday "
    "swapoff swapon syslog umount2 unshare userfaultfd vhangup "
    # memory that no process has mapped is not counted for any process, so these could exhaust the machine's unnoticed
    "memfd_create memfd_secret mq_open msgget semget shmget"
).split()
NAMESPACED_FAMILIES = (1, 2, 10, 16)  # Unix, IPv4, IPv6, netlink; others, such as AF_VSOCK, need no network
SO_PEERPIDFD = 77  # since Linux 6.5
CLONE_NEW_ANYTHING = 0x7E020000  # every CLONE_NEW* flag


@cache
def compiled(sockets: bool = True) -> bytes:
    """Return the filter as BPF instructions for this machine's architecture, b"" if libseccomp is missing.

    Without `sockets` no socket of any family can be created: for a sandbox that shares the machine's network.

    A forbidden call fails with EPERM. clone3 fails with ENOSYS, because a filter cannot read its flags; the C library
    then falls back to clone.
    """
    try:
        import pyseccomp
    except (ImportError, RuntimeError):  # RuntimeError: the package is installed, the system's library is not
        return b""
    filter_ = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in FORBIDDEN:
        try:
            filter_.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
        except (ValueError, OSError, RuntimeError):  # the installed library does not know this call
            continue
    filter_.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    for bit in range(32):
        flag = 1 << bit
        if flag & CLONE_NEW_ANYTHING:
            masked = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, flag, flag)
            filter_.add_rule(pyseccomp.ERRNO(errno.EPERM), "clone", masked)
    # the socket to the fork server would give a handle on that process
    peer = (pyseccomp.Arg(1, pyseccomp.EQ, socket.SOL_SOCKET), pyseccomp.Arg(2, pyseccomp.EQ, SO_PEERPIDFD))
    filter_.add_rule(pyseccomp.ERRNO(errno.EPERM), "getsockopt", *peer)
    if not sockets:
        filter_.add_rule(pyseccomp.ERRNO(errno.EACCES), "socket")
    for family in range(max(NAMESPACED_FAMILIES)) if sockets else ():
        if family not in NAMESPACED_FAMILIES:
            filter_.add_rule(pyseccomp.ERRNO(errno.EAFNOSUPPORT), "socket", pyseccomp.Arg(0, pyseccomp.EQ, family))
    if sockets:
        beyond = pyseccomp.Arg(0, pyseccomp.GT, max(NAMESPACED_FAMILIES))
        filter_.add_rule(pyseccomp.ERRNO(errno.EAFNOSUPPORT), "socket", beyond)
    with tempfile.TemporaryFile() as file:
        filter_.export_bpf(file)
        file.seek(0)
        return file.read()
