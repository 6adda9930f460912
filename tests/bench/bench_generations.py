"""Six generations with the guards and without: `python -m tests.bench.bench_generations`."""

import argparse

import numpy as np
from rich.console import Console

from tests.self_training import MEASURED, live


def main() -> None:
    """Print variety, near-duplicates and set size of each generation, means over seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generations", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=8)
    given = parser.parse_args()
    out = Console(highlight=False)
    out.print(
        f"{'guards':7}{'gen':>4}{''.join(f'{field:>12}' for field in MEASURED)}   copies  images"
    )
    for guarded in (True, False):
        lives = [live(given.generations, guarded=guarded, seed=seed) for seed in range(given.seeds)]
        for at in range(given.generations):
            now = [one[at] for one in lives]
            words = [np.mean([one.variety[field] for one in now]) for field in MEASURED]
            told = "".join(f"{mean:12.2f}" for mean in words)
            copies = np.mean([one.copies for one in now])
            images = np.mean([one.images for one in now])
            out.print(f"{'yes' if guarded else 'no':7}{at + 1:4}{told}{copies:9.3f}{images:8.0f}")


if __name__ == "__main__":
    main()
