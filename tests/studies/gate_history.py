#!/usr/bin/env python3
"""gate_history.py CLAIMS MEASURED - the table and the counts of gate_history.sh.
gate_history.py --line BUILDS OPTIONS JSON ERRORS - a line of MEASURED from what midl check wrote.

CLAIMS is gate_history.txt, whose head tells how claims are written. MEASURED has a line for each comparison:
builds|options|ratio|least|most|verdict, the newest last; `-` for numbers that there are none of.
"""
import json
import re
import sys

RANGE = r"(\d*\.?\d+)(?:-(\d*\.?\d+))?"


def rounded(number):
    """Return the least and the most of what is written as this number: 0.93 is 0.925 to 0.935."""
    half = 0.5 * 10 ** -len(number.partition(".")[2])
    return float(number) - half, float(number) + half


def side(text):
    """Return the least and the most of NUMBER or LEAST-MOST."""
    found = re.fullmatch(RANGE, text)
    if not found:
        raise ValueError("not a number or a range: '%s'" % text)
    least, most = found.group(1), found.group(2) or found.group(1)
    return rounded(least)[0], rounded(most)[1]


def bounds(claim, own=False):
    """Return the least and the most ratio of times, new / old, that a claim allows; None: no change is claimed.
    With `own` by the interval in parentheses, where there is one."""
    stated, _, measured = claim.partition("(")
    if measured and not measured.endswith(")"):
        raise ValueError("not a claim: '%s'" % claim)
    if own and measured:
        word = stated.split()[0]
        return bounds((word + " " if word in ("time", "speed") else "") + measured[:-1])
    words = stated.split()
    if words == ["none"]:
        return None
    if len(words) == 1:
        return side(words[0])
    if len(words) != 4 or words[0] not in ("time", "speed") or words[2] != "to":
        raise ValueError("not a claim: '%s'" % claim)
    old, new = side(words[1]), side(words[3])
    if words[0] == "speed":
        old, new = new, old
    return new[0] / old[1], new[1] / old[0]


def read_claims(path):
    """Return a list of (commit, builds, claim, processor, options)."""
    rows = []
    for line in open(path):
        fields = [field.strip() for field in line.split("|")]
        if line.strip() and not line.startswith("#"):
            if len(fields) != 4:
                raise ValueError("not four fields: '%s'" % line.strip())
            bounds(fields[1]), bounds(fields[1], own=True)
            commit, _, builds = fields[0].partition(" ")
            rows.append((commit, builds.strip() or commit, *fields[1:]))
    return rows


def read_measured(path):
    """Return a dictionary by builds and options; what has numbers is kept before what has none."""
    last = {}
    for line in open(path):
        fields = line.rstrip("\n").split("|")
        if len(fields) == 6 and (fields[2] != "-" or tuple(fields[:2]) not in last):
            last[tuple(fields[:2])] = fields[2:]
    return last


def judge(claim, ratio, least, most, verdict):
    """Return what the gate says of sign and size, and of the size by the claim's own interval: `yes` or `no`; a sign,
    or that nothing changed, may be `not clear`."""
    allowed, own = bounds(claim), bounds(claim, own=True)
    if allowed is None:
        sign = {"same": "yes", "faster": "no", "slower": "no"}.get(verdict.split()[0], "not clear")
        return sign, sign, sign
    if least <= 1 <= most:
        sign = "not clear"
    else:
        sign = "yes" if (ratio < 1) == (sum(allowed) < 2) else "no"
    return (sign, *("yes" if least <= of[1] and of[0] <= most else "no" for of in (allowed, own)))


def commit_sign(signs):
    """Return whether a commit has the sign: no claim has the other one, and most are clear."""
    if "no" in signs:
        return "no"
    return "yes" if 2 * signs.count("yes") > len(signs) else "not clear"


def count(name, judged):
    """Print how many claims, and how many commits, have sign and size; a commit has a size if most of its claims do."""
    commits = {}
    for commit, sign, *sizes in judged:
        commits.setdefault(commit, []).append((sign, *sizes))
    signs = {c: commit_sign([row[0] for row in of]) for c, of in commits.items()}
    both = [sum(signs[c] == "yes" and 2 * sum(row[i] == "yes" for row in of) > len(of) for c, of in commits.items())
            for i in (1, 2)]
    print("| %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d |" % (
        name, len(judged), sum(j[1] == "yes" for j in judged), sum(j[1] == "no" for j in judged),
        sum(j[2] == "yes" for j in judged), sum(j[3] == "yes" for j in judged), len(commits),
        sum(s == "yes" for s in signs.values()), sum(s == "no" for s in signs.values()), *both))


def line(builds, options, json_path, errors_path):
    """Print what midl check said of its one point, or why it said nothing."""
    try:
        point = json.load(open(json_path))["points"][0]
        numbers = ["%.3f" % point[k] if point[k] else "-" for k in ("ratio", "ratio_lo", "ratio_hi")]
        said = point["verdict"] + (" (" + point["remark"] + ")" if point["remark"] else "")
    except (ValueError, KeyError, IndexError):
        numbers, said = ["-"] * 3, (open(errors_path).read().strip().splitlines() or ["nothing"])[-1]
    print("|".join([builds, options] + numbers + [said.replace("|", "/")]))


def main(claims_path, measured_path):
    claims, measured, judged, missing = read_claims(claims_path), read_measured(measured_path), [], 0
    print("| commit | point | claim | allows | on | ratio here | 95 % interval | sign | size | by its interval |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for commit, builds, claim, processor, options in claims:
        shape = " ".join(w.removeprefix("--").removeprefix("@") for w in options.split())
        allowed = bounds(claim)
        says = "no change" if allowed is None else "%.3f to %.3f" % allowed
        ratio, least, most, verdict = measured.get((builds, options), ["-", "-", "-", "not measured"])
        if ratio == "-":
            missing += 1
            print("| %s | %s | %s | %s | %s | %s | | | | |" % (commit, shape, claim, says, processor, verdict))
            continue
        said = judge(claim, float(ratio), float(least), float(most), verdict)
        judged.append((processor, commit, *said))
        print("| %s | %s | %s | %s | %s | %s | %s to %s | %s | %s | %s |" % (
            commit, shape, claim, says, processor, ratio, least, most, *said))
    print("\n| measured on | claims | sign | other sign | size | by intervals | commits | sign | other sign | sign and size |"
          " by intervals |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name in dict.fromkeys(j[0] for j in judged):
        count(name, [j[1:] for j in judged if j[0] == name])
    count("all", [j[1:] for j in judged])
    if missing:
        print("\n%d claims were not measured." % missing)


if __name__ == "__main__":
    try:
        if sys.argv[1:2] == ["--line"]:
            line(*sys.argv[2:])
        else:
            main(*sys.argv[1:])
    except (OSError, ValueError) as error:
        sys.exit("gate_history.py: %s" % error)
