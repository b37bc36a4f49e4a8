"""Side by side: this package, the Rust command, and aioquic, interleaved, two processes each.

    cargo xtask bench python [ROUNDS] [--write]

It prints a table and writes target/bench-run/python.{md,jsonl}. A figure is the median of the
rounds; ratios are of figures of one round, since the machine's state changes between them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
#: Bytes of one bulk transfer: each takes a second or a few.
BULK, BULK_AIOQUIC = 1 << 30, 16 << 20
#: Requests, how many at a time, bytes of request and reply.
STREAMS, STREAMS_AIOQUIC = (40_000, 100, 100, 100), (3_000, 100, 100, 100)
SERVERS = ("rust", "python", "aioquic")


class Bench:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.work = Path(arguments.work)
        self.work.mkdir(parents=True, exist_ok=True)
        self.servers: list[subprocess.Popen[str]] = []
        self.runs: list[dict] = []

    def serve(self, name: str) -> str:
        """Starts a server and returns where it is."""
        command = {
            "rust": [
                self.arguments.sst,
                "perf",
                "serve",
                "--bind",
                "127.0.0.1:0",
                "--cookie",
                "never",
                "--key",
                self.work / "serve.key",
            ],
            "python": [sys.executable, HERE / "sst_peer.py", "serve"],
            "aioquic": [
                self.arguments.aioquic,
                HERE / "aioquic_peer.py",
                "serve",
                *self.certificate(),
            ],
        }[name]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.servers.append(server)
        return server.stdout.readline().split()[-1]

    def certificate(self) -> tuple[Path, Path]:
        certificate, key = self.work / "cert.pem", self.work / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=bench",
             "-keyout", key, "-out", certificate],
            check=True, capture_output=True,
        )  # fmt: skip
        return certificate, key

    def measure(self, name: str, what: str, place: str) -> dict:
        numbers = {
            ("bulk", True): (BULK_AIOQUIC,),
            ("bulk", False): (BULK,),
            ("streams", True): STREAMS_AIOQUIC,
            ("streams", False): STREAMS,
        }[what, name == "aioquic"]
        if name == "rust":
            names = ("bytes",) if what == "bulk" else ("count", "concurrent", "request", "reply")
            options = [
                word
                for pair in zip(names, numbers, strict=True)
                for word in (f"--{pair[0]}", pair[1])
            ]
            command = [
                self.arguments.sst,
                "perf",
                "--json",
                "--key",
                self.work / "run.key",
                what,
                place,
                *options,
            ]
        else:
            python = self.arguments.aioquic if name == "aioquic" else sys.executable
            script = "aioquic_peer.py" if name == "aioquic" else "sst_peer.py"
            command = [python, HERE / script, what, place, *numbers]
        command = [str(word) for word in command]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(command)}:\n{done.stderr}")
        told = json.loads(done.stdout.splitlines()[-1])
        if what == "bulk":
            return {"figure": told["gbit_per_s"], "seconds": told["seconds"]}
        per_s = told.get("per_s", told.get("per_second", told.get("rate")))
        return {"figure": per_s, "seconds": told.get("seconds")}

    def run(self) -> None:
        places = {name: self.serve(name) for name in SERVERS}
        pairs = [("rust", "rust"), ("python", "python"), ("python", "rust"), ("aioquic",) * 2]
        for number in range(self.arguments.rounds):
            for what in ("bulk", "streams"):
                for client, server in pairs:
                    run = {"round": number, "what": what, "client": client, "server": server}
                    run |= self.measure(client, what, places[server])
                    run["load"] = os.getloadavg()[0]
                    print(json.dumps(run), flush=True)
                    self.runs.append(run)

    def of(self, what: str, client: str, server: str) -> list[float]:
        return [
            run["figure"]
            for run in self.runs
            if (run["what"], run["client"], run["server"]) == (what, client, server)
        ]

    def table(self) -> str:
        lines = ["| work | client, server | median | range | of Rust | times aioquic |",
                 "|---|---|---|---|---|---|"]  # fmt: skip
        for what, unit in (("bulk", "Gbit/s"), ("streams", "a second")):
            rust, quic = self.of(what, "rust", "rust"), self.of(what, "aioquic", "aioquic")
            for pair in (("rust", "rust"), ("python", "python"), ("python", "rust"),
                         ("aioquic", "aioquic")):  # fmt: skip
                figures = self.of(what, *pair)
                show = "{:.2f}" if what == "bulk" else "{:,.0f}"
                ratios = [
                    statistics.median(
                        mine / other for mine, other in zip(figures, others, strict=True)
                    )
                    for others in (rust, quic)
                ]
                lines.append(
                    f"| {what} | {', '.join(pair)} | {show.format(statistics.median(figures))} "
                    f"{unit} | {show.format(min(figures))} to {show.format(max(figures))} "
                    f"| {ratios[0] * 100:.0f} % | {ratios[1]:.1f} |"
                )
        return "\n".join(lines) + "\n"

    def end(self) -> None:
        for server in self.servers:
            server.terminate()
            server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sst", required=True, help="the command")
    parser.add_argument("--aioquic", required=True, help="a Python that has aioquic")
    parser.add_argument("--work", required=True, help="a folder for results")
    parser.add_argument("--rounds", type=int, default=5)
    bench = Bench(parser.parse_args())
    try:
        bench.run()
    finally:
        bench.end()
    table = bench.table()
    print(f"\n{table}")
    (bench.work / "python.md").write_text(table, encoding="utf-8")
    lines = "".join(json.dumps(run) + "\n" for run in bench.runs)
    (bench.work / "python.jsonl").write_text(lines)


if __name__ == "__main__":
    main()
