"""Callbacks: what runs at fixed points of `fit`, `evaluate` and `predict`. Names, arguments and the order of calls are Keras 3's."""

from gpunn.callbacks.backup import BackupAndRestore
from gpunn.callbacks.base import HOOKS, Callback
from gpunn.callbacks.batch_size import BatchSizeSchedule
from gpunn.callbacks.callback_list import CallbackList
from gpunn.callbacks.csv_logger import CSVLogger
from gpunn.callbacks.early_stopping import EarlyStopping
from gpunn.callbacks.ema import SwapEMAWeights
from gpunn.callbacks.health import DeadNeuronMonitor, GradientNormMonitor
from gpunn.callbacks.history import History
from gpunn.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from gpunn.callbacks.model_checkpoint import ModelCheckpoint
from gpunn.callbacks.progbar import EpochLines, ProgbarLogger
from gpunn.callbacks.remote import RemoteMonitor
from gpunn.callbacks.simple import LambdaCallback, TerminateOnNaN
from gpunn.callbacks.tensorboard import TensorBoard

__all__ = [
    "HOOKS", "BackupAndRestore", "BatchSizeSchedule", "CSVLogger", "Callback", "CallbackList", "DeadNeuronMonitor", "EarlyStopping",
    "EpochLines", "GradientNormMonitor", "History", "LambdaCallback", "LearningRateScheduler", "ModelCheckpoint", "ProgbarLogger",
    "ReduceLROnPlateau", "RemoteMonitor", "SwapEMAWeights", "TensorBoard", "TerminateOnNaN",
]
__dir__ = __all__.copy
