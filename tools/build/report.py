"""Prints the size and SHA-256 of each built function; fails if one is too large or tells of the builder's machine.

Arguments: the folder of the functions, the limit of a zip in bytes, the functions, `--`, the builder's folders.
The zip is only measured: whoever deploys makes one.
"""

import hashlib
import io
import sys
import zipfile
from pathlib import Path


def measure_zip(code):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bootstrap", code)
    return len(packed.getvalue())


def find_folders(code, folders):
    """Searches the bytes: a path that gets into them in an unknown way shows here."""
    return [folder for folder in folders if folder != "/" and f"{folder}/".encode() in code]


def main(built, limit, names, folders):
    problems = []
    print(f"{'function':12} {'bytes':>10} {'zip':>10}  SHA-256 of bootstrap")
    for name in names:
        code = (Path(built) / name / "bootstrap").read_bytes()
        size = measure_zip(code)
        print(f"{name:12} {len(code):10} {size:10}  {hashlib.sha256(code).hexdigest()}")
        if size > limit:
            problems.append(f"{name}: its zip is larger than {limit} bytes")
        problems += [f"{name}: there are paths in it that begin with {folder}/" for folder in find_folders(code, folders)]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    split = sys.argv.index("--")
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:split], sys.argv[split + 1 :]))
