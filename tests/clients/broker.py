"""Runs a broker for a test, on free loopback ports, with data of its own."""

import os
import re
import subprocess
import tempfile


class Broker:
    """A broker that is ready; use it as a context manager."""

    def __init__(self, *flags):
        self.home = tempfile.TemporaryDirectory(prefix="strandline-clients-")
        ports = ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"]
        data = ["--log-level", "error", "--data", os.path.join(self.home.name, "data")]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("STRAND")}
        self.process = subprocess.Popen(
            [os.environ["STRAND"], "broker", *ports, *data, *flags],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        line = self.process.stdout.readline()
        ready = re.match(r"strand broker \d+ ready: grpc ([^,]+), http ([^,]+), ", line)
        if not ready:
            self.close()
            raise RuntimeError(f"the broker did not get ready: {line!r}")
        self.grpc, self.http = ready.groups()

    def close(self):
        """Ends it."""
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.home.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
