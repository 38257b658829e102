"""Scans the source for what must never be committed; `--self-test` proves that each rule can fail.

Secrets first: keys that look like Cohere's, tokens of this gateway, AWS and other providers' keys,
private keys. Then marks of unfinished work, and addresses that tie the project to one machine or one
package registry. A rule's pattern is written so that it does not match itself, and its samples
are put together only while the self-test runs.
"""

import math
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAX_BYTES = 2 << 20
FAKE = re.compile(r"fake|example|not[_-]a[_-]secret|local_token", re.IGNORECASE)


def looks_random(text):
    """Whether text could be a real key: mixed characters, no admission to be fake, little repetition."""
    counts = Counter(text)
    entropy = -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
    mixed = re.search(r"[0-9]", text) and re.search(r"[A-Za-z]", text)
    return bool(mixed) and not FAKE.search(text) and entropy > 3.3


def has_both_cases(text):
    """Tells a key from a hash, which is written in one case."""
    return text != text.lower() and text != text.upper() and looks_random(text)


def always(_):
    return True


NOT_INSIDE = r"(?<![A-Za-z0-9+/=_-])"
NOT_BEFORE = r"(?![A-Za-z0-9+/=_-])"
# Name, pattern, what else the match must be, and the pieces of a sample that must be found.
RULES = [
    ("Cohere-like key", rf"{NOT_INSIDE}[A-Za-z0-9]{{40}}{NOT_BEFORE}", has_both_cases,
     ["q7RtWz3XbN", "8vKcY2mHsD", "5gLpF9jTaE", "4xUoZ6iQrB"]),
    ("token of this gateway", r"cgw[_][A-Za-z0-9_-]{40,}", looks_random,
     ["cgw", "_q7RtWz3XbN8vKcY2mHsD", "5gLpF9jTaE4xUoZ6iQrBn1"]),
    ("AWS access key", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", looks_random, ["AKI", "AQ7RT4ZX2BNK9CYMH"]),
    ("AWS secret key", r"(?i)aws.{0,20}secret.{0,20}['\"=: ][A-Za-z0-9/+]{40}\b", looks_random,
     ["aws_secret_", "access_key = ", "q7RtWz3XbN/8vKcY2mHsD+5gLpF9jTaE4xUoZ6iQ"]),
    ("private key", r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----", always, ["-----BEGIN EC ", "PRIVATE KEY-----"]),
    ("key of another provider", r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|xox[abprs]-[A-Za-z0-9-]{20,}|sk-[A-Za-z0-9_-]{32,})",
     looks_random, ["gh", "p_q7RtWz3XbN8vKcY2mHsD5gLpF9jTaE4xUoZ6"]),
    ("password in an address", r"\b[a-z+]+://[^\s/:@'\"{}$<>]+:[^\s/@'\"{}$<>]{6,}@", looks_random,
     ["https://", "somebody:q7RtWz3XbN@", "host.example/"]),
    ("unfinished work", r"\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K|TB[D])\b|\b(?:todo|unimplemented)!\(", always, ["TO", "DO later"]),
    ("address of a package registry",
     r"pypi[.]org|files[.]pythonhosted|registry[.]npmjs|(?:static|index)[.]crates[.]io|proxy[.]golang"
     r"|deb[.]debian[.]org|--(?:extra-)?index-url|\"resolved\": \"http", always, ["https://py", "pi.org/simple"]),
    ("path of somebody's machine", r"(?<![\w.~}])/(?:home|root|Users)/\w", always, ["/ho", "me/somebody"]),
]


def findings(name, text):
    for rule, pattern, condition, _ in RULES:
        for match in re.finditer(pattern, text):
            if condition(match.group()):
                line = text.count("\n", 0, match.start()) + 1
                # What was found is not printed: the log of a run is more public than the source.
                yield f"{name}:{line}: {rule}"


def scan(root):
    listed = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = [name for name in subprocess.check_output(listed, text=True).split("\0") if name]
    found = []
    for name in names:
        path = root / name
        if path.is_symlink() or not path.is_file():
            continue
        if path.stat().st_size > MAX_BYTES:
            found.append(f"{name}: larger than {MAX_BYTES} bytes, too large to scan")
            continue
        found += findings(name, path.read_bytes().decode("utf-8", "replace"))
    return len(names), found


def self_test():
    """Plants each rule's sample in a small text and looks for it there, and for silence without it."""
    failed = 0
    for rule, _, _, pieces in RULES:
        sample = "".join(pieces)
        planted = list(findings("planted", f"first line\nvalue: {sample}\n"))
        clean = list(findings("clean", "first line\nvalue: fake_key_for_tests\n"))
        ok = planted == [f"planted:2: {rule}"] and not clean
        failed += not ok
        print(f"{'ok  ' if ok else 'FAIL'} a planted {rule} is found{'' if ok else f', not {planted}'}")
    print(f"{len(RULES) - failed} passed, {failed} failed")
    return failed == 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(not self_test())
    count, found = scan(ROOT)
    print("\n".join(found) or f"nothing found in {count} files")
    sys.exit(bool(found))
