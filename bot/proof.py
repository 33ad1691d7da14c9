"""The proof: one zip with both runs, the spec, the verdict, the reports, the evidence, and the digests of them all."""

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bot import __version__
from bot import spec as specs
from bot.judge import judge
from bot.model import Run, Verdict, canonical, digest, strict_json
from bot.model.errors import FormatError, StabilityProofError, UsageError
from bot.report import comment, html
from bot.spec import Spec

FORMAT = "stability-proof/proof@1"
MANIFEST = "MANIFEST.json"
CANDIDATE, BASELINE, SPEC, VERDICT, COMMENT, PAGE = (
    "candidate/run.json",
    "baseline/run.json",
    "stability.yml",
    "verdict.json",
    "report/comment.md",
    "report/report.html",
)
MAX_BYTES = 256 * 1024 * 1024


def write(
    path: Path,
    *,
    spec: bytes,
    verdict: Verdict,
    candidate: Run,
    baseline: Run | None,
    folders: Mapping[str, Path],
) -> str:
    """Write the proof and return its digest. The same inputs make the same bytes.

    `folders` says where the evidence paths of `candidate` and `baseline` start.
    """
    files: dict[str, bytes] = {
        SPEC: spec,
        VERDICT: verdict.to_json(),
        CANDIDATE: candidate.to_json(),
        COMMENT: comment(verdict).encode(),
        PAGE: html(verdict, candidate, baseline).encode(),
    }
    if baseline is not None:
        files[BASELINE] = baseline.to_json()
    for side, run in (("candidate", candidate), ("baseline", baseline)):
        for evidence in run.evidence.values() if run else ():
            source = folders[side] / evidence.path
            if source.exists():
                files[f"{side}/{evidence.path}"] = source.read_bytes()
    manifest = {"format": FORMAT, "version": __version__, "files": {name: digest(data) for name, data in files.items()}}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in [(MANIFEST, canonical(manifest)), *sorted(files.items())]:
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED, 6)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
    return digest(buffer.getvalue())


@dataclass(frozen=True)
class Verification:
    """What `verify` found: `differences` in words, none when the proof is identical to its recomputation."""

    verdict: str
    files: int
    findings: int
    differences: tuple[str, ...]


def verify(path: Path) -> Verification:
    """Recompute the verdict, its comment and its page from what the proof holds, and say each difference.

    Raises:
        UsageError: there is no such file, or it is not a proof.
    """
    files = _read(path)
    differences = list(_manifest_differences(files))
    for side, name in (("candidate", CANDIDATE), ("baseline", BASELINE)):
        if name in files:
            differences += _evidence_differences(files, side, name)
    word, findings = "unreadable", 0
    try:
        said = Verdict.from_json(files[VERDICT], VERDICT)
        word, findings = said.verdict, len(said.findings)
        spec = specs.parse(files[SPEC], SPEC)
        candidate = Run.from_json(files[CANDIDATE], CANDIDATE)
        baseline = Run.from_json(files[BASELINE], BASELINE) if BASELINE in files else None
        again = judge(candidate, baseline, spec.policy, spec.digest)
    except StabilityProofError as error:
        differences.append(f"cannot be recomputed: {error}")
    except KeyError as error:
        differences.append(f"cannot be recomputed: the proof has no {error.args[0]}")
    else:
        if again.to_json() != files[VERDICT]:
            differences += _verdict_differences(said, again, files[VERDICT])
        differences += _byte_differences(COMMENT, files.get(COMMENT, b""), comment(again).encode())
        differences += _byte_differences(PAGE, files.get(PAGE, b""), html(again, candidate, baseline).encode())
        for name, run in ((CANDIDATE, candidate), (BASELINE, baseline)):
            if run is not None:
                differences += _byte_differences(name, files[name], run.to_json())
    if differences:
        differences += _version_difference(files)
    return Verification(word, len(files), findings, tuple(differences))


@dataclass(frozen=True)
class Contents:
    """What a proof holds. `evidence` are the raw bytes by `candidate/…` and `baseline/…`."""

    spec: Spec
    verdict: Verdict
    candidate: Run
    baseline: Run | None
    evidence: Mapping[str, bytes]


def opened(path: Path) -> Contents:
    """What a proof holds, once it has been verified.

    Raises:
        UsageError: there is no such file, or it is not a proof.
        FormatError: it is another than its recomputation.
    """
    differences = verify(path).differences
    if differences:
        more = f"; and {len(differences) - 1} more" if len(differences) > 1 else ""
        raise FormatError(f"the proof does not verify: {differences[0][:300]}{more}")
    files = _read(path)
    return Contents(
        specs.parse(files[SPEC], SPEC),
        Verdict.from_json(files[VERDICT], VERDICT),
        Run.from_json(files[CANDIDATE], CANDIDATE),
        Run.from_json(files[BASELINE], BASELINE) if BASELINE in files else None,
        {name: data for name, data in files.items() if name.split("/")[1:2] == ["evidence"]},
    )


def _read(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            files: dict[str, bytes] = {}
            left = MAX_BYTES
            for entry in archive.infolist():
                parts = PurePosixPath(entry.filename)
                if parts.is_absolute() or ".." in parts.parts or entry.filename in files:
                    raise FormatError(f"{path}: the entry {entry.filename!r} has no place in a proof")
                with archive.open(entry) as file:
                    files[entry.filename] = file.read(left + 1)
                left -= len(files[entry.filename])
                if left < 0:
                    raise FormatError(f"{path}: unpacks to more than {MAX_BYTES:,} bytes")
    except OSError as error:
        raise UsageError(f"{path}: cannot read the proof: {error.strerror or error}") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise FormatError(f"{path}: not a proof, or damaged: {error}") from None
    if MANIFEST not in files:
        raise FormatError(f"{path}: not a proof: it has no {MANIFEST}")
    return files


def _manifest_differences(files: Mapping[str, bytes]) -> list[str]:
    try:
        manifest: Any = strict_json(files[MANIFEST], MANIFEST)
        listed = dict(manifest["files"])
        if manifest["format"] != FORMAT:
            return [f"{MANIFEST}: the format is {manifest['format']!r}, not {FORMAT!r}"]
    except (FormatError, KeyError, TypeError, ValueError) as error:
        return [f"{MANIFEST}: cannot be read: {error}"]
    found: list[str] = []
    for name in sorted({*listed, *files} - {MANIFEST}):
        if name not in files:
            found.append(f"{name}: listed in {MANIFEST}, but not there")
        elif name not in listed:
            found.append(f"{name}: there, but not listed in {MANIFEST}")
        elif listed[name] != digest(files[name]):
            found.append(f"{name}: {listed[name]} in {MANIFEST}, but its bytes are {digest(files[name])}")
    return found


def _version_difference(files: Mapping[str, bytes]) -> list[str]:
    """Another version may judge and write otherwise: that explains a difference, and does not excuse it."""
    try:
        made = strict_json(files[MANIFEST], MANIFEST).get("version")
    except (FormatError, AttributeError):
        return []
    return [] if made == __version__ else [f"{MANIFEST}: made by version {made}, this is {__version__}"]


def _evidence_differences(files: Mapping[str, bytes], side: str, name: str) -> list[str]:
    try:
        run = Run.from_json(files[name], f"{name}")
    except FormatError as error:
        return [str(error)]
    found: list[str] = []
    for known, evidence in sorted(run.evidence.items()):
        data = files.get(f"{side}/{evidence.path}")
        if data is None:
            # the evidence of a stored baseline is in the proof of its own deploy
            if run.provenance is None:
                found.append(f"{side}/{evidence.path}: named by the run, but not there")
        elif digest(data) != known:
            found.append(f"{side}/{evidence.path}: its bytes are {digest(data)}, the run says {known}")
    return found


def _verdict_differences(said: Verdict, again: Verdict, raw: bytes) -> list[str]:
    """Each field, and each finding's field, in which the recomputed verdict is another."""
    found: list[str] = []
    old, new = said.model_dump(mode="json"), again.model_dump(mode="json")
    found += [
        f"{VERDICT}: {key}: {old.get(key)!r} in the proof, {new.get(key)!r} recomputed"
        for key in sorted({*old, *new} - {"findings"})
        if old.get(key) != new.get(key)
    ]
    before = {finding["id"]: finding for finding in old["findings"]}
    after = {finding["id"]: finding for finding in new["findings"]}
    for name in [*before, *(each for each in after if each not in before)]:
        if name not in after or name not in before:
            found.append(f"{VERDICT}: finding {name}: {'recomputed' if name in after else 'in the proof'} only")
            continue
        for key in sorted({*before[name], *after[name]}):
            if before[name].get(key) != after[name].get(key):
                words = f"{before[name].get(key)!r} in the proof, {after[name].get(key)!r} recomputed"
                found.append(f"{VERDICT}: finding {name}: {key}: {words}")
    return found or _byte_differences(VERDICT, raw, again.to_json())


def _byte_differences(name: str, old: bytes, new: bytes) -> list[str]:
    if old == new:
        return []
    at = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    return [f"{name}: differs from its recomputation at byte {at} ({len(old)} bytes, {len(new)} recomputed)"]
