"""Real clusters on this machine for the tests, everything bound to loopback."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.executors.grids import happens

SLURM = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort={ctld_port}
SlurmdPort={d_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
PropagateResourceLimits=NONE
SchedulerParameters=sched_interval=1,batch_sched_delay=0
KillWait=5
NodeName={host} NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=spot Nodes=ALL PreemptMode=CANCEL MaxTime=INFINITE State=UP
PartitionName=urgent Nodes=ALL PriorityTier=2 PreemptMode=OFF MaxTime=INFINITE State=UP
"""


PORT = 6379  # of Ray's head


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextmanager
def own_network() -> Iterator[list[str]]:
    """A network with nothing in it but loopback; yields how commands inside it begin. Skips where it can't be had."""
    inside = ["unshare", "--map-root-user", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity"]
    missing = [name for name in ("unshare", "nsenter", "ip") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (Debian: apt-get install util-linux iproute2)")
    with subprocess.Popen(inside, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stderr is not None
        try:
            if not holder.stdout.readline():
                pytest.skip(f"this system gives no network of one's own: {holder.stderr.read().strip()}")
            yield ["nsenter", "--target", str(holder.pid), "--user", "--net", "--preserve-credentials"]
        finally:
            holder.kill()


@contextmanager
def ray_cluster(folder: Path, network: list[str]) -> Iterator[str]:
    """Two nodes of a core each, by the commands that docs/cluster.md gives; yields the address.

    A node that is to join another listens on all addresses there are: in a network of its own that is loopback.
    """
    address = f"127.0.0.1:{PORT}"
    ray = [*network, str(Path(sys.executable).with_name("ray")), "start", "--disable-usage-stats", "--block"]
    ray += ["--node-ip-address", "127.0.0.1", "--num-cpus", "1"]
    here = {name: value for name, value in os.environ.items() if name != "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"}
    nodes: list[subprocess.Popen[bytes]] = []
    try:
        for options in (["--head", "--port", str(PORT), "--include-dashboard", "false"], ["--address", address]):
            log = folder / f"ray-{len(nodes)}.log"
            with log.open("wb") as said:
                nodes.append(subprocess.Popen([*ray, *options], env=here, stdout=said, stderr=said))
            if not happens(lambda log=log: "Ray runtime started" in log.read_text(), 60):  # type: ignore[misc]
                pytest.fail(f"'ray start' doesn't come up: {_last_words(log)}")
        yield address
    finally:
        for node in reversed(nodes):
            node.send_signal(signal.SIGTERM)  # it ends what it started; `ray stop` would end everybody's
            node.wait(timeout=60)


def _last_words(log: Path) -> str:
    return log.read_text(errors="replace").strip()[-300:] if log.is_file() else "it says nothing"


@contextmanager
def slurm_cluster(folder: Path) -> Iterator[Mapping[str, str]]:
    """One node; yields the environment in which Slurm's commands find it. Skips where it can't be had."""
    missing = [name for name in ("munged", "slurmctld", "slurmd", "srun", "sbatch", "squeue") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (Debian: apt-get install munge slurmctld slurmd slurm-client)")
    if os.getuid() != 0:
        pytest.skip("slurmd starts jobs as their users: only root may run it")
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    ports = free_ports(2)
    host = socket.gethostname().partition(".")[0]
    configuration = folder / "slurm.conf"
    configuration.write_text(SLURM.format(folder=folder, host=host, ctld_port=ports[0], d_port=ports[1]))
    environment = {**os.environ, "SLURM_CONF": str(configuration)}
    files = {"key-file": key, "socket": folder / "munge.socket", "pid-file": folder / "munged.pid"}
    files |= {"log-file": folder / "munged.log", "seed-file": folder / "munge.seed"}
    commands = [
        ["munged", "--foreground", "--force", *(f"--{name}={path}" for name, path in files.items())],
        ["slurmctld", "-D", "-L", str(folder / "slurmctld.log")],
        ["slurmd", "-D", "-L", str(folder / "slurmd.log")],
    ]
    daemons = []
    try:
        for command in commands:
            daemons.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            if command[0] == "munged" and not happens(files["socket"].exists, 20):
                pytest.skip(f"munged doesn't start here: {_last_words(folder / 'munged.log')}")
        tried = ["timeout", "2", "srun", "--immediate=1", "true"]
        if not happens(lambda: subprocess.run(tried, env=environment, capture_output=True).returncode == 0, 60):
            pytest.skip(f"Slurm doesn't start here: {_last_words(folder / 'slurmd.log')}")
        yield environment
    finally:
        subprocess.run(["scancel", "--full", "--signal=KILL", "--user=root"], env=environment, capture_output=True)
        for daemon in reversed(daemons):
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(timeout=30)
