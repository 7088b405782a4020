"""Builds the clients of other languages, where their tools and registries are at hand: `make foreign`.

Nothing fails here: the tests skip a client that could not be built, with the reason. Needs the standard library only.
"""

import hashlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
_PATIENCE = 900


@dataclass(frozen=True)
class Client:
    """A client in its folder. runtime: program it runs on. command: builds it. sources: what it is built from."""

    folder: Path
    runtime: str
    command: Sequence[str]
    sources: Sequence[Path]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def why_not(self) -> str:
        """Why it cannot be tried; "" when it can."""
        if not shutil.which(self.runtime):
            return f"there is no {self.runtime} on this machine"
        built = self.folder / ".built"
        if built.exists():
            return "" if built.read_text("utf-8") == self._digest() else "built from other sources: make foreign"
        log = self.folder / "build.log"
        said = log.read_text("utf-8", "replace").splitlines() if log.exists() else ["make foreign has not been run"]
        errors = [line for line in said if "error" in line.lower()] or [line for line in said if line.strip()]
        return f"not built: {errors[0] if errors else 'its build said nothing'}"

    def build(self) -> str:
        """Build it unless it is up to date; returns what became of it."""
        if not self.why_not:
            return "up to date"
        if not shutil.which(self.command[0]):
            return f"there is no {self.command[0]} on this machine"
        built, log = self.folder / ".built", self.folder / "build.log"
        built.unlink(missing_ok=True)
        try:
            with log.open("wb") as out:
                subprocess.run(
                    self.command, cwd=self.folder, stdout=out, stderr=subprocess.STDOUT, check=True, timeout=_PATIENCE
                )
        except subprocess.SubprocessError as error:
            with log.open("a") as out:
                out.write(f"\nerror: {error}\n")
            return self.why_not
        built.write_text(self._digest(), "utf-8")
        return "built"

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for file in self._files():
            digest.update(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
        return digest.hexdigest()

    def _files(self) -> Iterator[Path]:
        for source in self.sources:
            yield from [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file())


NODE = Client(
    HERE / "node",
    "node",
    ("npm", "ci", "--no-audit", "--no-fund"),
    (HERE / "node" / ".npmrc", HERE / "node" / "package.json", HERE / "node" / "package-lock.json"),
)
JAVA = Client(
    HERE / "java",
    "java",
    ("mvn", "-B", "-ntp", "clean", "package"),
    (HERE / "java" / "pom.xml", HERE / "java" / "src", ROOT / "wsdl", ROOT / "schemas"),
)

IPF = Client(
    HERE / "ipf",
    "java",
    ("mvn", "-B", "-ntp", "clean", "package"),
    (HERE / "ipf" / "pom.xml", HERE / "ipf" / "src"),
)

if __name__ == "__main__":
    for client in (NODE, JAVA, IPF):
        print(f"{client.name}: {client.build()}", flush=True)
