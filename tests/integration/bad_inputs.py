#!/usr/bin/env python3
"""The table of bad inputs in README.md: each check that it names stands in the script that it names, and ctest runs it."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def text(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return f.read()


def main():
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text("README.md").splitlines() if line.startswith("| ")]
    rows = [row for row in rows if row[0] != "input"]
    cmake = text("CMakeLists.txt")
    failed = 0
    for what, script, check in rows:
        script, check = script.strip("`"), check.strip("`")
        if not script.endswith(".json") and "keyhsm_add_integration_test(%s" % script.removesuffix(".sh") not in cmake:
            print("FAIL %s: %s is no test" % (what, script))
            failed += 1
        elif check not in text(script):
            print("FAIL %s: %s does not check '%s'" % (what, script, check))
            failed += 1
    print("%d inputs, %d failures" % (len(rows), failed))
    return 1 if failed or len(rows) < 30 else 0


sys.exit(main())
