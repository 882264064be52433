"""The measurements of benches/storage, which starts the servers and calls this."""
import os, statistics, subprocess, sys, threading, time, urllib.parse

ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = int(os.environ.get("SECONDS_EACH", "3"))
LARGE = int(os.environ.get("LARGE", str(1 << 30)))
TOKEN, CA = os.environ["TOKEN"], os.environ["CURL_CA_BUNDLE"]
LUA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "copy.lua")
TICK = os.sysconf("SC_CLK_TCK")
NULL = subprocess.DEVNULL


class Pair:
    """Two storage elements of one kind, source and destination, and the processes that are them."""

    def __init__(self, name, source, destination, processes):
        self.name, self.source, self.destination = name, source + "/wlcg", destination + "/wlcg"
        self.processes = processes

    def cpu(self):
        """CPU seconds so far."""
        total = 0
        for pid in self.processes:
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICK

    def memory(self, what="VmRSS"):
        """MiB."""
        with open(f"/proc/{self.processes[0]}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(what)) / 1024


def curl(*arguments, may_fail=False):
    # The token comes from the environment, not from the process list.
    command = ["curl", "-sS", "-f", "--cacert", CA, "--http1.1", "-K", "-", *arguments]
    config = f'oauth2-bearer = "{TOKEN}"\nheader = "TransferHeaderAuthorization: Bearer {TOKEN}"\n'
    done = subprocess.run(command, input=config, capture_output=True, text=True)
    if done.returncode and not may_fail:
        sys.exit(f"curl {' '.join(arguments)}: {done.stderr.strip()} {done.stdout[-300:]}")
    return done.stdout


def put(url, size):
    command = ["curl", "-sS", "-f", "--cacert", CA, "--http1.1", "-o", "/dev/null", "-T", "/dev/shm/carnet-bench-file", url]
    with open("/dev/shm/carnet-bench-file", "wb") as file:
        file.truncate(size)
    try:
        subprocess.run([*command, "-H", f"Authorization: Bearer {TOKEN}"], check=True)
    finally:
        os.unlink("/dev/shm/carnet-bench-file")


def wrk(pair, source, folder, run, seconds, in_flight, most=None):
    """Copies, copies per second, median milliseconds, failures; at most so many copies."""
    threads = "2" if in_flight > 64 else "1"
    command = ["wrk", f"-t{threads}", f"-c{in_flight}", f"-d{seconds}s", "--timeout", "60s", "-s", LUA, pair.destination + "/",
               "--", source, TOKEN, urllib.parse.urlsplit(pair.destination).path + folder, run]
    if most:
        command.append(str(most))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result = next(line for line in done.stdout.splitlines() if line.startswith("RESULT")).split()
    errors = next((line for line in done.stdout.splitlines() if "Socket errors" in line), "").strip()
    return int(result[1]), int(result[1]) / float(result[3]), float(result[4]) / 1000, int(result[2]), errors


def table(title, unit, pairs, once, digits=0, better="more"):
    """Plays `once` on the pairs in turn; prints medians and the first's ratio to the second's."""
    seen = {pair.name: [] for pair in pairs}
    for number in range(ROUNDS):
        for pair in pairs:
            seen[pair.name].append(once(pair, number))
    medians = [tuple(statistics.median(column) for column in zip(*seen[pair.name])) for pair in pairs]
    for column, (what, its_unit) in enumerate(unit):
        line = f"{title + ', ' + what:44}"
        for pair, median in zip(pairs, medians):
            line += f" {pair.name} {median[column]:9.{2 if median[column] < 100 else 0}f} {its_unit}  "
        if len(pairs) == 2:
            line += f" ratio {medians[0][column] / medians[1][column]:.2f}"
        print(line, flush=True)


def small(pairs):
    for pair in pairs:
        put(f"{pair.source}/small", 1024)
        curl("-X", "MKCOL", f"{pair.destination}/to/", may_fail=True)
    for in_flight in (1, 8):

        def once(pair, number):
            before = pair.cpu()
            count, rate, median, wrong, _ = wrk(pair, f"{pair.source}/small", "/to", f"r{in_flight}-{number}", SECONDS, in_flight)
            if wrong:
                sys.exit(f"{wrong} copies failed at {pair.name}")
            return rate, median, 1e6 * (pair.cpu() - before) / count

        table(f"copies of 1 KiB, {in_flight} in flight", [("rate", "/s"), ("median", "ms"), ("CPU", "us each")], pairs, once)


def large(pairs):
    gb = LARGE / 1e9
    for pair in pairs:
        put(f"{pair.source}/large", LARGE)

    def timed(work):
        def once(pair, number):
            cpu, begin = pair.cpu(), time.perf_counter()
            work(pair, number)
            return gb / (time.perf_counter() - begin), (pair.cpu() - cpu) / gb

        return once

    def copy(pair, number):
        answer = curl("-X", "COPY", "-H", f"Source: {pair.source}/large", f"{pair.destination}/large-{number}")
        if "success: Created" not in answer:
            sys.exit(f"a copy failed at {pair.name}: {answer[-300:]}")
        curl("-X", "DELETE", f"{pair.destination}/large-{number}")

    def get(pair, _):
        curl("-o", "/dev/null", f"{pair.source}/large")

    def upload(pair, number):
        curl("-o", "/dev/null", "-T", "/dev/shm/carnet-bench-large", f"{pair.destination}/put-{number}")
        curl("-X", "DELETE", f"{pair.destination}/put-{number}")

    columns = [("rate", "GB/s"), ("CPU", "s per GB")]
    table("third-party copy", columns, pairs, timed(copy))
    table("GET", columns, pairs, timed(get))
    with open("/dev/shm/carnet-bench-large", "wb") as file:
        for _ in range(LARGE >> 20):
            file.write(os.urandom(1 << 20))
    try:
        table("PUT", columns, pairs, timed(upload))
    finally:
        os.unlink("/dev/shm/carnet-bench-large")


def crowd(pairs):
    """500 copies of 1 MiB in flight; XRootD 5.5.3 hangs at 60 to 100, so only Carnet is asked."""
    pair = pairs[0]
    put(f"{pair.source}/medium", 1 << 20)
    curl("-X", "MKCOL", f"{pair.destination}/crowd/", may_fail=True)
    highest, going = [0.0], threading.Event()

    def watch():
        while not going.wait(0.05):
            highest[0] = max(highest[0], pair.memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    count, rate, median, wrong, errors = wrk(pair, f"{pair.source}/medium", "/crowd", "c", max(SECONDS, 8), 500)
    going.set()
    watcher.join()
    print(f"500 copies of 1 MiB in flight: {count} copies, {rate:.0f} /s, median {median:.0f} ms, {wrong} failed"
          f"{', ' + errors if errors else ''}, memory at most {highest[0]:.0f} MiB", flush=True)


def flat(pairs):
    """What a copy costs into a directory of 10^2 to 10^5 files: the last ones before it has so many, at most 2,000 a directory."""
    pair = pairs[0]
    put(f"{pair.source}/small", 1024)
    runs = iter(range(1_000_000))

    def fill(folder, files):
        done = 0
        while done < files:
            missing = files - done
            seconds = max(1, min(10, missing // 2500))
            done += wrk(pair, f"{pair.source}/small", folder, f"f{next(runs)}", seconds, 8, missing)[0]

    for goal, folders in ((100, 20), (1000, 4), (10_000, 2), (100_000, 1)):
        costs, measured = [], min(goal // 2, 2000)
        for number in range(folders):
            folder = f"/many-{goal}-{number}"
            curl("-X", "MKCOL", f"{pair.destination}{folder}/")
            fill(folder, goal - measured)
            before = pair.cpu()
            fill(folder, measured)
            costs.append(pair.cpu() - before)
        each = 1e6 * sum(costs) / measured / folders
        print(f"copies of 1 KiB into a directory of {goal:7} files: {each:6.0f} us CPU each, {pair.memory():.0f} MiB", flush=True)


def main():
    environment = os.environ
    pairs = [Pair("carnet", environment["SE1_URL"], environment["SE2_URL"], [environment["CARNET_PID"]])]
    if environment.get("XRD1_URL"):
        pairs.append(Pair("xrootd", environment["XRD1_URL"], environment["XRD2_URL"], [environment["XRD1_PID"], environment["XRD2_PID"]]))
    parts = {"small": small, "large": large, "crowd": crowd, "flat": flat}
    for name in sys.argv[1:] or parts:
        if name not in parts:
            sys.exit(f"there is no part {name}: {', '.join(parts)}")
        parts[name](pairs)


main()
