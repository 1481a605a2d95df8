"""A training that is broken off anywhere and started again ends with the bits of one that was not."""

import json
import os

import numpy as np
import pytest
from broken_off import OPTIONS, BreakAt, Broken, X, Y, chain, disturbed, end_of, model_of, undisturbed

from gpunn import backend, callbacks, optimizers


@pytest.mark.parametrize(("freq", "after"), [("epoch", False), (1, False), (1, True), (5, True)])
def test_every_batch_is_a_place_to_break_off(cpu, tmp_path, freq, after):
    expected = undisturbed(tmp_path / "whole")
    steps = len(expected["epoch"]) * 5  # 72 rows, 16 a batch
    assert 2 < len(expected["epoch"]) <= OPTIONS["epochs"] and len(set(json.loads(expected["history"])["learning_rate"])) > 2
    every = 1 if (freq, after) == (1, False) else 3  # with 5 batches an epoch, every third is each place of an epoch in some epoch
    for batches in range(1, steps + 1, every):
        assert disturbed(tmp_path / f"at {batches}", freq, [batches], after=after) == expected, batches


class StopAt(callbacks.Callback):
    """Ends the training in the midst of the third epoch."""

    def on_train_batch_end(self, batch, logs=None):
        if batch == 2 and len(self.model.history.epoch) == 2:
            self.model.stop_training = True


def test_stopped_within_an_epoch_and_broken_off_there(cpu, tmp_path):
    options = OPTIONS | {"epochs": 9}
    (tmp_path / "whole").mkdir()
    model = model_of(1)
    history = model.fit(X, Y, callbacks=chain(tmp_path / "whole", "epoch", StopAt())[1:], **options)
    expected = end_of(model, history, tmp_path / "whole")
    assert expected["epoch"] == [0, 1, 2] and expected["steps"] == 13
    folder = tmp_path / "broken"
    folder.mkdir()
    with pytest.raises(Broken):
        model_of(1).fit(X, Y, callbacks=chain(folder, 1, StopAt(), BreakAt(13, True)), **options)
    model = model_of(2)
    assert end_of(model, model.fit(X, Y, callbacks=chain(folder, 1, StopAt()), **options), folder) == expected


@pytest.mark.one_in(2)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize(
    "options",
    [
        {}, {"steps_per_epoch": 3, "batch_size": 12}, {"shuffle": False}, {"validation_freq": 2},
        {"sample_weight": np.linspace(0, 1, 90), "batch_size": 17},
    ],
)
@pytest.mark.filterwarnings("ignore:.* `val_loss` which is not available")  # with validation_freq=2, as in Keras
def test_broken_off_again_and_again(either_cpu, tmp_path, optimizer, options):
    options = OPTIONS | options
    expected = undisturbed(tmp_path / "whole", options, optimizer=optimizer)
    for n, breaks in enumerate([[2, 2, 2, 2, 2, 2], [4, 3, 5, 1, 6], [1, 9]]):
        assert disturbed(tmp_path / str(n), 2, breaks, options, optimizer) == expected


SCHEDULE = optimizers.schedules.CosineDecay(0.05, 12)
KINDS = {
    "accumulating": lambda: optimizers.Adam(0.01, gradient_accumulation_steps=3), "averaging": lambda: optimizers.SGD(0.1, use_ema=True),
    "averaging now and then": lambda: optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=4, gradient_accumulation_steps=2),
    "nadam": lambda: optimizers.Nadam(0.01), "decay": lambda: optimizers.SGD(0.1, momentum=0.9, decay=0.05),
    "schedule": lambda: optimizers.RMSprop(SCHEDULE, centered=True), "function": lambda: optimizers.SGD(lambda step: 0.1 / (1 + step)),
    "clipped": lambda: optimizers.AdamW(0.01, clipnorm=0.1), "muon": lambda: optimizers.Muon(0.01), "lamb": lambda: optimizers.Lamb(0.01),
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_the_optimizer_keeps(cpu, tmp_path, kind):
    ends = []
    for breaks, freq in (([], 0), ([1, 2, 3, 4], 2), ([8], "epoch")):
        folder = tmp_path / str(len(ends))
        folder.mkdir()
        for batches in [*breaks, None]:
            model = model_of(100 if (folder / "backup" / "backup.npz").exists() else 1, KINDS[kind]())
            more = [] if batches is None else [BreakAt(batches)]
            keep = [callbacks.BackupAndRestore(folder / "backup", freq)] if breaks else []
            swap = [callbacks.SwapEMAWeights(swap_on_epoch=True)] if model.optimizer.use_ema else []
            try:
                history = model.fit(X, Y, callbacks=[*swap, callbacks.CSVLogger(folder / "log.csv"), *keep, *more], **OPTIONS)
            except Broken:
                continue
        ends.append(end_of(model, history, folder))
    assert ends[0] == ends[1] == ends[2]


def test_on_the_gpu_code(monkeypatch, tmp_path):
    sim = pytest.importorskip("gpunn.backend.sim")
    assert sim
    with backend.device("sim"):
        options = OPTIONS | {"epochs": 3}
        expected = undisturbed(tmp_path / "whole", options)
        for batches in (2, 7):
            assert disturbed(tmp_path / str(batches), 3, [batches], options) == expected


def test_the_end_of_an_early_stopped_training_is_kept(cpu, tmp_path):
    """Broken off after the last epoch, before the end: it does not train on."""

    class AtTheEnd(callbacks.Callback):
        def on_train_end(self, logs=None):
            raise Broken

    options = OPTIONS | {"epochs": 40}
    expected = undisturbed(tmp_path / "whole", options)
    assert len(expected["epoch"]) < 40
    folder = tmp_path / "broken"
    folder.mkdir()
    with pytest.raises(Broken):
        model_of(1).fit(X, Y, callbacks=chain(folder, "epoch", AtTheEnd()), **options)
    model = model_of(2)
    ends = []
    look = callbacks.LambdaCallback(on_train_end=lambda logs: ends.append(dict(logs)))
    assert end_of(model, model.fit(X, Y, callbacks=chain(folder, "epoch", look), **options), folder) == expected
    assert ends == [{k: v[-1] for k, v in json.loads(expected["history"]).items()}], "callbacks see the last epoch's logs"


@pytest.mark.parametrize("every", [(4, 3), (3, 2)], ids=str)
@pytest.mark.parametrize("moment", ["the file is written", "the file takes its place"])
def test_broken_off_while_the_backup_is_written(cpu, tmp_path, monkeypatch, moment, every):
    expected = undisturbed(tmp_path / "whole")
    folder = tmp_path / "broken"
    folder.mkdir()
    count, names = [0], {"the file is written": (np, "savez"), "the file takes its place": (os, "replace")}
    module, name = names[moment]
    honest = getattr(module, name)

    def breaking(target, *arguments, **named):
        count[0] += 1
        if count[0] % every[0] == every[1]:  # with (3, 2) backups follow a resumption before the next row of the CSV file
            if name == "savez":
                target.write(b"PK half a file")
                target.flush()
            raise Broken
        return honest(target, *arguments, **named)

    monkeypatch.setattr(module, name, breaking)
    for attempt in range(30):
        model = model_of(50 + attempt if (folder / "backup" / "backup.npz").exists() else 1)
        try:
            history = model.fit(X, Y, callbacks=chain(folder, 2), **OPTIONS)
            break
        except Broken:
            continue
    monkeypatch.undo()
    assert attempt >= 2 and end_of(model, history, folder) == expected


def test_reads_and_calls(cpu, tmp_path):
    """Backups of whole epochs do not make fit come back after every batch; every fifth batch is met exactly."""
    seen = []

    class Look(callbacks.BackupAndRestore):
        def _save(self, logs):
            seen.append((self._epoch, self._training.done))
            super()._save(logs)

    model_of(1).fit(X, Y, callbacks=[Look(tmp_path / "a", 7)], batch_size=4, epochs=2, verbose=0)  # 23 batches an epoch
    assert seen == [(0, 7), (0, 14), (0, 21), (1, 5), (1, 12), (1, 19)]
    plain = callbacks.CallbackList([callbacks.BackupAndRestore(tmp_path)], None, {})
    assert not plain.every_batch and not plain.every_chunk
