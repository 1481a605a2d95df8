"""Distiller: a model that trains a student by a teacher."""

from collections.abc import Sequence
from typing import Any

from gpunn import losses, ops, saving, tree
from gpunn.metrics import Mean
from gpunn.models import Model

FINAL = "final_output"  # a model's own among the outputs of its layers


class Distiller(Model):
    """Trains ``student`` on ``student_loss_weight * loss + (1 - student_loss_weight) * distillation``, where ``loss``, given to `compile`,
    is on the labels, and the distillation is the sum of ``distillation_losses``, each times its weight.

    Called, it gives what the student gives. The teacher rests, and is called as in inference. ``fit`` logs "student_loss",
    "distillation_loss" and "total_loss" beside the metrics. Afterwards ``distiller.student`` is the trained model. Its weights, in files
    too, are the teacher's and the student's.

    Arguments: ``teacher`` and ``student``, models with inputs and outputs of the same shapes; ``distillation_losses``, one or a list of
    `DistillationLoss`; ``distillation_loss_weights``, a list as long, by default of ones; ``student_loss_weight``, from 0 to 1. Raises
    ValueError for anything else.
    """

    def __init__(
        self, teacher: Any, student: Any, distillation_losses: Any, distillation_loss_weights: Any = None, student_loss_weight: float = 0.5,
        name: str = "distiller", **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        _check_models(teacher, student)
        if isinstance(student_loss_weight, bool) or not isinstance(student_loss_weight, (int, float)) or not 0 <= student_loss_weight <= 1:
            raise ValueError(f"student_loss_weight must be a number from 0 to 1. Received: student_loss_weight={student_loss_weight!r}.")
        given = list(distillation_losses) if isinstance(distillation_losses, (list, tuple)) else [distillation_losses]
        if not given or not all(hasattr(one, "compute_loss") for one in given):
            raise ValueError(f"distillation_losses: expected a DistillationLoss, or a list of them. Received: {distillation_losses!r}.")
        weights = [1.0] * len(given) if distillation_loss_weights is None else list(distillation_loss_weights)
        if len(weights) != len(given):
            raise ValueError(
                f"distillation_loss_weights: expected {len(given)}, one for each loss. Received: {distillation_loss_weights!r}."
            )
        for one in given:
            one.validate_model_compatibility(teacher, student)
        self.teacher, self.student = teacher, student
        self.teacher.trainable = False
        self.distillation_losses, self.distillation_loss_weights = given, weights
        self.student_loss_weight = student_loss_weight
        self._within = {
            "teacher": _within(teacher, [one.teacher_layer_name for one in given if one.teacher_layer_name]),
            "student": _within(student, [one.student_layer_name for one in given if one.student_layer_name]),
        }
        self.student_loss_tracker = Mean("student_loss")
        self.distillation_loss_tracker = Mean("distillation_loss")
        self.total_loss_tracker = Mean("total_loss")

    needs_loss = True

    def compile(
        self, optimizer: Any = "adam", loss: Any = None, metrics: Any = None, *arguments: Any, **kwargs: Any
    ) -> None:
        """As `Model.compile`; ``loss`` is the student's, on the labels. Raises ValueError without one."""
        if loss is None:
            raise ValueError("Distiller.compile: expected the student's loss. Received: loss=None.")
        self._student_loss = tree.map_structure(losses.get, loss)
        super().compile(optimizer, None, metrics, *arguments, **kwargs)

    def compile_written_down(self) -> dict[str, Any]:
        return super().compile_written_down() | {"loss": tree.map_structure(losses.serialize, self._student_loss)}

    def _set_graph(self, inputs: Any, outputs: Any, traced: Any, layers: list[Any]) -> None:
        super()._set_graph(inputs, outputs, traced, [self.teacher, *(layer for layer in layers if layer is not self.teacher)])

    def call(self, inputs: Any, training: bool | None = None, **options: Any) -> Any:
        return self.student(inputs, training=training, **options)

    @property
    def metrics(self) -> list[Any]:
        return [*super().metrics, self.student_loss_tracker, self.distillation_loss_tracker, self.total_loss_tracker]

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The weighted sum, a tensor."""
        y_pred = self(x, training=training) if y_pred is None else y_pred
        own, taught = self.student_loss_weight, 1 - self.student_loss_weight
        parts = []
        if own > 0 and y is not None:
            loss = ops.add_n(tree.flatten(tree.map_structure(lambda one, *pair: ops.mean(one(*pair)), self._student_loss, y, y_pred)))
            self.student_loss_tracker.update_state(loss)
            parts.append(own * loss)
        if taught > 0:
            distance = self._distance(x, y_pred, training)
            self.distillation_loss_tracker.update_state(distance)
            parts.append(taught * distance)
        total = ops.add_n(parts)
        self.total_loss_tracker.update_state(total)
        return total

    def _distance(self, x: Any, y_pred: Any, training: bool) -> Any:
        """The sum of the distillation losses."""
        teacher, student = self._within["teacher"], self._within["student"]
        taught = {FINAL: self.teacher(x, training=False)} if teacher is None else teacher(x, training=False)
        given = {FINAL: y_pred} | ({} if student is None else student(x, training=training))
        parts = []
        for loss, weight in zip(self.distillation_losses, self.distillation_loss_weights, strict=True):
            pair = taught[loss.teacher_layer_name or FINAL], given[loss.student_layer_name or FINAL]
            loss.validate_outputs(*pair)
            distance = loss.compute_loss(*pair)
            if getattr(distance, "shape", ()) != ():
                raise ValueError(f"{type(loss).__name__}.compute_loss: expected one number. Received: shape {tuple(distance.shape)}.")
            parts.append(weight * distance)
        return ops.add_n(parts)

    def get_config(self) -> dict[str, Any]:
        described = saving.serialize_keras_object
        return {
            "name": self.name, "teacher": described(self.teacher), "student": described(self.student),
            "distillation_losses": [{"class_name": type(one).__name__, "config": one.get_config()} for one in self.distillation_losses],
            "distillation_loss_weights": list(self.distillation_loss_weights), "student_loss_weight": self.student_loss_weight,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """A distiller of fresh models; classes of the user's are found in `custom_objects`."""
        from gpunn import distillation, lookup

        with lookup.custom_objects(custom_objects):
            models = {role: saving.deserialize_keras_object(config[role]) for role in ("teacher", "student")}
            names = {name: getattr(distillation, name) for name in distillation.__all__}
            kinds = [lookup.find("distillation loss", one["class_name"], names) for one in config["distillation_losses"]]
            given = [kind.from_config(one["config"]) for kind, one in zip(kinds, config["distillation_losses"], strict=True)]
        plain = {name: value for name, value in config.items() if name != "dtype"}  # Keras writes it; the models have their own
        return cls(**{**plain, **models, "distillation_losses": given})


def _check_models(teacher: Any, student: Any) -> None:
    """Raises ValueError where they are no models, or take or give what the other does not."""
    for role, model in (("Teacher", teacher), ("Student", student)):
        if not isinstance(model, Model):
            raise ValueError(f"{role} must be a gpunn.Model. Received: {model!r} (of type {type(model).__name__}).")
    if not (teacher.built and student.built):  # nobody knows yet
        return
    for what in ("inputs", "outputs"):
        shapes = [[tuple(t.shape) for t in getattr(model, what)] for model in (teacher, student)]
        if not _alike(*shapes):
            raise ValueError(f"Teacher and student {what} shapes are incompatible. Teacher: {shapes[0]}. Student: {shapes[1]}.")


def _alike(a: Sequence[Any], b: Sequence[Any]) -> bool:
    if len(a) != len(b):
        return False
    pairs = [(n, m) for one, other in zip(a, b, strict=True) if len(one) == len(other) for n, m in zip(one, other, strict=True)]
    return all(len(one) == len(other) for one, other in zip(a, b, strict=True)) and all(None in (n, m) or n == m for n, m in pairs)


def _within(model: Any, names: Sequence[str]) -> Any:
    """A model of the same layers that gives the outputs of some by their names, and its own; None where none are asked for."""
    if not names:
        return None
    wanted = {name: model.get_layer(name).output for name in dict.fromkeys(names)}
    return Model(model.input, {FINAL: model.output, **wanted}, name=f"{model.name}_within")
