"""The benchmarks: `make bench` runs them all; name some (`python -m bench lists`) to run only those.

`fuzz` is no benchmark and takes long: it runs when it is named (`make fuzz`)."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Each in a process of its own: a benchmark chooses its database before Django is loaded."""
    known = sorted(path.stem for path in HERE.glob("[a-z]*.py"))
    wanted = sys.argv[1:] or [name for name in known if name != "fuzz"]
    for name in wanted:
        if name not in known:
            sys.exit(f"no benchmark '{name}'; there are: {', '.join(known)}")
    codes = [subprocess.call([sys.executable, "-m", f"bench.{name}"], cwd=HERE.parent) for name in wanted]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
