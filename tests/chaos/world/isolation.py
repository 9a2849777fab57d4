"""A run lives in a process, network and mount namespace of its own. When its first process ends, for whatever reason, the
kernel ends all others and forgets the networks and the files: nothing can be left behind."""
import ctypes
import os
import signal
import subprocess
import sys

UNSHARE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
NOT_PERMITTED = 69
PR_SET_PDEATHSIG = 1


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def why_not():
    """Why namespaces cannot be had here, or nothing."""
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    try:
        trial = subprocess.run([*UNSHARE, "ip", "link", "add", "name", "try", "type", "veth"], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        return str(error)
    return (trial.stderr.strip() or "refused") if trial.returncode else ""


def run_inside(arguments):
    """Runs this program again in its own namespaces, and returns its exit status."""
    with subprocess.Popen([*UNSHARE, sys.executable, *arguments], preexec_fn=die_with_parent) as inside:
        signal.signal(signal.SIGTERM, lambda *_: inside.kill())
        while True:
            try:
                status = inside.wait()
                return status if status >= 0 else 128 - status
            except KeyboardInterrupt:
                continue  # the run has been told too, and ends


def be_first(main):
    """As the first process of the namespace: runs main in a child, reaps all orphans, and ends with the child's status."""
    child = os.fork()
    if child == 0:
        status = 70
        try:
            status = main()
        except BaseException as error:  # pylint: disable=broad-except
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            sys.stdout.flush()
            os._exit(status)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)
