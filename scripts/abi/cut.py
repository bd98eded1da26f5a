"""Cuts what a newer dump has at the end of a table that may grow, so that the rest can be compared without exceptions.

    cut.py OLD NEW > CUT

struct kh_plugin, kh_host and kh_catalog are read by their size, or have methods that nobody calls who does not know
them: members that come after the last of OLD are allowed in NEW. (So are new constants of the test's own table.)
"""
import sys
import xml.etree.ElementTree as tree

MAY_GROW = {"kh_plugin", "kh_host", "kh_catalog", "kh_abi_constants"}


def tables(root):
    for decl in root.iter("class-decl"):
        if decl.get("name") in MAY_GROW and decl.get("size-in-bits"):
            yield decl


def main(old_name, new_name):
    sizes = {decl.get("name"): int(decl.get("size-in-bits")) for decl in tables(tree.parse(old_name))}
    new = tree.parse(new_name)
    missing = MAY_GROW - {decl.get("name") for decl in tables(new)} | MAY_GROW - set(sizes)
    if missing:
        sys.exit("abi: no structure of the name " + ", ".join(sorted(missing)))
    for decl in tables(new):
        size = sizes[decl.get("name")]
        if int(decl.get("size-in-bits")) <= size:
            continue
        for member in decl.findall("data-member"):
            if int(member.get("layout-offset-in-bits")) >= size:
                decl.remove(member)
        decl.set("size-in-bits", str(size))
    new.write(sys.stdout, encoding="unicode")


main(*sys.argv[1:])
