"""A private MariaDB for tests and benchmarks: own folder, unix socket only, gone after stop().

The machine's own server, if one runs, is never touched: only its programs are used. Nothing is installed here
(scripts/mariadb.sh does that), no user is made.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql

_PLACES = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/usr/libexec", "/opt/homebrew/bin"]


class NotInstalled(RuntimeError):
    """There are no programs of a MariaDB here."""


@dataclass
class Server:
    folder: Path
    program: Path
    identity: dict[str, Any]
    settings: tuple[str, ...] = ()
    is_kept: bool = False
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def socket(self) -> Path:
        return self.folder / "s"

    def url(self, database: str, user: str = "root", password: str = "") -> str:
        secret = f":{password}" if password else ""
        return f"mysql://{user}{secret}@localhost/{database}?unix_socket={self.socket}"

    def connect(self, database: str | None = None, **more: Any) -> "pymysql.Connection[Any]":
        """As the one who may do everything."""
        return pymysql.connect(
            user="root", unix_socket=str(self.socket), database=database, autocommit=True, charset="utf8mb4", **more
        )

    def make(self, database: str, charset: str = "utf8mb4") -> None:
        """An empty database of this name."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{database}`")
            cursor.execute(f"CREATE DATABASE `{database}` CHARACTER SET {charset}")

    def boot(self) -> None:
        """Start it, for the first time or after it was killed."""
        options = [
            "--no-defaults", f"--datadir={self.folder / 'data'}", f"--socket={self.socket}", "--skip-networking",
            f"--pid-file={self.folder / 'pid'}", "--innodb-buffer-pool-size=256M", "--innodb-log-file-size=256M",
            "--innodb-flush-log-at-trx-commit=2", "--innodb-doublewrite=0", "--skip-name-resolve",
            "--sql-mode=", "--max-connections=100", "--innodb-fast-shutdown=2", *self.settings,
        ]  # fmt: skip
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([self.program, *options], stdout=log, stderr=log, **self.identity)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.connect().close()
                return
            except pymysql.MySQLError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"MariaDB did not start\n{(self.folder / 'log').read_text()[-3000:]}") from None
                time.sleep(0.05)

    def kill(self) -> None:
        """As a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            if self.is_kept:
                self.process.terminate()
                self.process.wait()
            else:
                self.kill()
        if not self.is_kept:
            shutil.rmtree(self.folder, ignore_errors=True)


def start(settings: tuple[str, ...] = (), keep: Path | None = None) -> Server:
    """`settings` are further options of the server. What lies in the folder `keep` outlives stop(). Raises
    NotInstalled."""
    program, installer = _program("mariadbd", "mysqld"), _program("mariadb-install-db", "mysql_install_db")
    folder = keep or Path(tempfile.mkdtemp(prefix="ghostcart-my-"))
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(folder, program, _unprivileged(folder), settings, keep is not None)
    if (folder / "data" / "ibdata1").exists():
        server.boot()
        return server
    try:
        with open(folder / "log", "ab") as log:
            subprocess.run(
                [installer, "--no-defaults", f"--datadir={folder / 'data'}", "--auth-root-authentication-method=normal",
                 "--skip-test-db", "--innodb-log-file-size=8M"],
                check=True, stdout=log, stderr=log, **server.identity,
            )  # fmt: skip
        server.boot()
    except BaseException as error:
        words = (folder / "log").read_text()[-3000:]
        server.stop()
        if isinstance(error, subprocess.CalledProcessError):
            raise RuntimeError(f"MariaDB could not be set up\n{words}") from error
        raise
    return server


def _program(*names: str) -> Path:
    places = os.pathsep.join([os.environ.get("PATH", ""), *_PLACES])
    for name in names:
        if found := shutil.which(name, path=places):
            return Path(found)
    raise NotInstalled(f"no {names[0]} here (as root, `make test` installs it; else: apt-get install mariadb-server)")


def _unprivileged(folder: Path) -> dict[str, Any]:
    """How to run the server's programs: it refuses to run as root, so root becomes nobody."""
    environment = {"PATH": os.pathsep.join(_PLACES), "HOME": str(folder), "LC_ALL": "C.UTF-8", "TMPDIR": str(folder)}
    identity: dict[str, Any] = {"cwd": folder, "env": environment}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        identity |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    return identity
