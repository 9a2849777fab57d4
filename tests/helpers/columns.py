#!/usr/bin/python3
"""columns: of what a terminal was sent (stdin), the columns that the widest line takes. Escape sequences take none."""
import re
import sys
import unicodedata


def width(line):
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


text = sys.stdin.buffer.read().decode().replace("\x1b[H", "\n")
text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
print(max(width(line) for line in re.split(r"[\r\n]+", text)))
