"""The model store: the manifest's models, verified by their hashes before they are loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.core.errors import ModelIntegrityError, ModelMissingError, SettingError
from app.core.resources import resource_folder
from app.core.words import phrase
from app.restorers.base import EngineOptions, VerifiedModel
from app.restorers.contest import Candidate, compare, fastest
from app.restorers.family import Family, Restorer
from app.restorers.manifest import PRECISIONS, REPAIR, Manifest, ModelEntry, read_manifest
from app.restorers.model_file import MOST_MODEL_BYTES, names_other_files, read_regular_file
from app.restorers.probe import Probe, measure, probe
from app.restorers.providers import AUTO, CPU, Provider, available_providers, provider_called

MODELS_FOLDER = resource_folder("models")

SHIPPED = "auto"
"""The choice of precision "of those that are available, the one that the provider runs best"."""


@dataclass(frozen=True, kw_only=True)
class ShippedRestorer:
    """A restorer that a person can choose: its name, family, number of cycles, and the precisions that ship.

    `possible` are those, and FP16 where it can be made of a shipped FP32 file.
    """

    name: str
    family: Family
    k_range: tuple[int, int]
    precisions: tuple[str, ...]

    @property
    def possible(self) -> tuple[str, ...]:
        made = {"fp16"} if "fp32" in self.precisions else set()
        return tuple(each for each in PRECISIONS if each in {*self.precisions, *made})

    @property
    def default_k(self) -> int:
        """What the family is made for, or the nearest number of cycles that this network can do."""
        low, high = self.k_range
        return min(max(self.family.default_k, low), high)

    def expect_k(self, k: int) -> None:
        """Raise SettingError for a number of cycles that the network cannot do."""
        low, high = self.k_range
        if not low <= k <= high:
            raise SettingError(
                phrase("{name} is applied once, not {k} times.")
                if high == 1
                else phrase("{name} is applied {low} to {high} times, not {k} times."),
                "Choose another --k or another --restorer.",
                name=self.name,
                low=low,
                high=high,
                k=k,
            )


class ModelStore:
    """The models in one folder. The manifest is read at the first use, so creating a store never fails."""

    def __init__(self, folder: Path = MODELS_FOLDER) -> None:
        self.folder = folder
        self._manifest: Manifest | None = None

    def entries(self) -> list[ModelEntry]:
        """Return every model of the manifest in its order. Raises ManifestError."""
        return list(self._read().entries)

    def restorers(self) -> list[ShippedRestorer]:
        """Return the restorers, the default one first, then in the manifest's order. Raises ManifestError."""
        manifest = self._read()
        found: dict[str, list[ModelEntry]] = {manifest.default: []}
        for entry in manifest.entries:
            if entry.family is not None:
                found.setdefault(entry.name, []).append(entry)
        return [_shipped(entries) for entries in found.values()]

    def restorer_names(self) -> list[str]:
        """Return the restorers' names, the default one first. Raises ManifestError."""
        return [restorer.name for restorer in self.restorers()]

    def restorer(self, name: str = "") -> ShippedRestorer:
        """Return the restorer called `name`, or the default one. Raises ModelMissingError or ManifestError."""
        restorers = self.restorers()
        for restorer in restorers:
            if not name or restorer.name == name:
                return restorer
        kinds = {entry.name: entry.kind for entry in self.entries()}
        raise ModelMissingError(
            phrase("The model {name} is a {kind}, not a restorer.")
            if name in kinds
            else phrase("There is no model {name}."),
            "Restorers are: {known}.",
            name=name,
            kind=kinds.get(name, ""),
            known=", ".join(each.name for each in restorers),
        )

    def load(self, entry: ModelEntry) -> bytes:
        """Return the verified bytes of a model.

        Raises ModelMissingError for a file that cannot be read, ModelIntegrityError when its hash differs or it keeps
        weights in other files.
        """
        label = phrase("The model {name} ({precision})", name=entry.name, precision=entry.precision)
        try:
            content = read_regular_file(entry.path, most=MOST_MODEL_BYTES)
        except OSError as error:
            raise ModelMissingError(
                "{label} cannot be read: {path} ({reason}), expected SHA-256 {sha256}.",
                REPAIR,
                label=label,
                path=entry.path,
                reason=error.strerror or error,
                sha256=entry.sha256,
            ) from error
        found = hashlib.sha256(content).hexdigest()
        if found != entry.sha256 or len(content) != entry.bytes:
            raise ModelIntegrityError(
                "{label} is not the one that was shipped: {path} has {size} bytes and SHA-256 {found}, "
                "the manifest says {bytes} and {sha256}.",
                REPAIR,
                label=label,
                path=entry.path,
                size=len(content),
                found=found,
                bytes=entry.bytes,
                sha256=entry.sha256,
            )
        if names_other_files(content):
            raise ModelIntegrityError(
                "{label} keeps weights in other files, which nothing checks: {path}.",
                "Save it as one file, for example with `onnx.save_model(model, path)`, and describe it anew.",
                label=label,
                path=entry.path,
            )
        return content

    def path(self, name: str, precision: str) -> Path:
        """Return the verified file of a restorer's `entry`. Raises as `entry` and `load` do."""
        entry = self.entry(name, precision)
        self.load(entry)
        return entry.path

    def detectors(self, whole: str = "detector") -> tuple[bytes, bytes]:
        """Return the detectors' verified bytes, for whole pictures and for windows. Raises as `load` does.

        `whole` "sweep-detector" is the quicker one for sweeps whose finds are inspected in a window afterwards.
        """
        return self.load(self._entry_of_kind(whole)), self.load(self._entry_of_kind("window-detector"))

    def detector_paths(self) -> tuple[Path, Path]:
        """Return the detectors' files, not verified, for whole pictures and for windows. Raises ManifestError."""
        return self._entry_of_kind("detector").path, self._entry_of_kind("window-detector").path

    def _entry_of_kind(self, kind: str) -> ModelEntry:
        for entry in self.entries():
            if entry.kind == kind:
                return entry
        raise ModelMissingError("No {kind} is named in {path}.", REPAIR, kind=kind, path=self.folder / "manifest.json")

    def entry(self, name: str, precision: str, *, order: Sequence[str] = CPU.precisions) -> ModelEntry:
        """Return the entry of the file that a restorer is opened from; SHIPPED is the first precision in `order`.

        FP16 is converted from an FP32 file where no FP16 file ships. Raises ModelMissingError or ManifestError.
        """
        restorer = self.restorer(name)
        wanted = min(restorer.possible, key=list(order).index) if precision == SHIPPED else precision
        files = {entry.precision: entry for entry in self.entries() if entry.name == restorer.name}
        if wanted not in restorer.possible:
            raise ModelMissingError(
                "{name} does not ship in {wanted}.",
                "Choose another precision: {known}.",
                name=restorer.name,
                wanted=wanted.upper(),
                known=", ".join(each.upper() for each in restorer.possible),
            )
        return files[wanted] if wanted in files else replace(files["fp32"], precision=wanted, halved=True)

    def create_restorer(
        self,
        name: str = "",
        precision: str = SHIPPED,
        threads: int = 0,
        *,
        provider: str = "cpu",
        spinning: bool = False,
    ) -> Restorer:
        """Create a restorer, ready but not warmed up.

        An empty `name` is the default one, the precision SHIPPED the one that the provider runs best, the provider AUTO
        the fastest of this machine. A provider beside the CPU is tried in a process of its own first and measured
        against the CPU; one that fails there or is not available is replaced by the CPU, which then has the precision
        that it runs best. Raises as `entry` and `load` do, and InferenceError.
        """
        options = EngineOptions(threads=threads, spinning=spinning)
        here = available_providers()
        rivals = here if provider == AUTO else tuple(each for each in here if each == provider_called(provider))
        if any(each != CPU for each in rivals):
            options = self._decided(name, precision, options, rivals, asked=provider)
        elif provider != AUTO:
            options = replace(options, asked=provider_called(provider).execution)
        its, model = self._model(name, precision, provider_called(options.provider))
        return its.create(its, model, options)

    def probe(self, name: str) -> Probe:
        """Time a restorer on the CPU in a separate process. Raises as `entry` and `load` do."""
        its, model = self._model(name, SHIPPED, CPU)
        return probe(its, model, EngineOptions())

    def compare_providers(
        self, name: str, precision: str, options: EngineOptions, providers: Sequence[Provider]
    ) -> tuple[Candidate, ...]:
        """Measure a restorer on the CPU, here, and on each of the other `providers`, in a separate process each.

        Raises as `create_restorer` does.
        """

        def try_on(provider: Provider) -> Probe:
            its, model = self._model(name, precision, provider)
            chosen = replace(options, provider=provider.name)
            return measure(its, model, chosen) if provider == CPU else probe(its, model, chosen)

        def precision_of(provider: Provider) -> str:
            return self.entry(name, precision, order=provider.precisions).precision

        return compare(providers, precision_of=precision_of, try_on=try_on)

    def _decided(
        self, name: str, precision: str, options: EngineOptions, rivals: Sequence[Provider], *, asked: str
    ) -> EngineOptions:
        """`options` for the fastest of `rivals` and the CPU with AUTO, else for the one that was asked if it works."""
        candidates = self.compare_providers(name, precision, options, rivals)
        usable = [each for each in candidates if not each.problem and (asked == AUTO or each.provider != CPU)]
        chosen = fastest(usable or candidates[:1]).provider
        return replace(
            options,
            provider=chosen.name,
            asked=chosen.execution if asked == AUTO else provider_called(asked).execution,
            compared=tuple((each.provider.title, each.cycle_ms) for each in candidates),
        )

    def _model(self, name: str, precision: str, provider: Provider) -> tuple[Family, VerifiedModel]:
        entry = self.entry(name, precision, order=provider.precisions)
        assert entry.family is not None
        content = self.load(entry)
        if entry.halved:
            from app.restorers.half import to_half

            content = to_half(content)
        model = VerifiedModel(
            name=entry.name,
            precision=entry.precision,
            k_range=entry.k_range,
            file=entry.path.name,
            content=content,
        )
        return entry.family, model

    def _read(self) -> Manifest:
        if self._manifest is None:
            self._manifest = read_manifest(self.folder)
        return self._manifest


def _shipped(entries: list[ModelEntry]) -> ShippedRestorer:
    first = entries[0]
    assert first.family is not None
    return ShippedRestorer(
        name=first.name,
        family=first.family,
        k_range=first.k_range,
        precisions=tuple(sorted((entry.precision for entry in entries), key=PRECISIONS.index)),
    )
