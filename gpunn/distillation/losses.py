"""How far a student is from its teacher: in what both say in the end, or in what layers within give."""

from typing import Any

from gpunn import losses, ops, saving, tree


class DistillationLoss:
    """What a distillation loss is: a subclass gives `compute_loss`, which runs on tensors, as a class's own ``compute_loss`` does.

    Attributes: ``teacher_layer_name`` and ``student_layer_name``, the layers whose outputs are compared; None for what the models return.
    """

    teacher_layer_name: str | None = None
    student_layer_name: str | None = None

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """One number, a tensor without axes."""
        raise NotImplementedError(f"{type(self).__name__} gives no compute_loss(teacher_outputs, student_outputs).")

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Raises ValueError where the two cannot be compared: by default where they are nested otherwise."""
        tree.assert_same_structure(teacher_outputs, student_outputs)

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Raises ValueError where these models have not what is to be compared."""


class _OfLosses(DistillationLoss):
    """One by a loss of `gpunn.losses`, or of several outputs by one for each, None for one that does not count."""

    def __init__(self, loss: Any):
        self.loss = tree.map_structure(lambda one: None if one is None else losses.get(one), loss)
        if all(one is None for one in tree.flatten(self.loss)):
            raise ValueError(f"{type(self).__name__}: expected at least one loss that is not None. Received: loss={loss!r}.")

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        super().validate_outputs(teacher_outputs, student_outputs)
        try:
            tree.assert_same_structure(self.loss, teacher_outputs)
        except ValueError as error:
            raise ValueError(f"{type(self).__name__}: expected a loss for each output. {error}") from error

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        apart = tree.map_structure(self._apart, self.loss, teacher_outputs, student_outputs)
        return ops.add_n([one for one in tree.flatten(apart) if one is not None])

    def _apart(self, loss: Any, teacher: Any, student: Any) -> Any:
        return None if loss is None else ops.mean(loss(teacher, student))

    def get_config(self) -> dict[str, Any]:
        return {"loss": saving.serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**{**config, "loss": saving.deserialize_keras_object(config["loss"])})


class LogitsDistillation(_OfLosses):
    """Compares logits divided by a temperature, which makes the teacher's guesses softer (Hinton et al. 2015, section 2).

    The Kullback-Leibler divergence, the default, is that of their softmax, times the temperature squared, so that gradients keep their
    size; any other loss gets the divided logits. (Keras 3.15 does so for ``KLDivergence()``; given the name it takes the divergence of the
    logits themselves.) Arguments: ``temperature``, above 0, often 2 to 5; ``loss``, a name, a `Loss`, or of
    several outputs one for each, nested as they are, None for one that does not count. Raises ValueError for anything else.
    """

    def __init__(self, temperature: float = 3.0, loss: Any = "kl_divergence"):
        super().__init__(loss)
        if isinstance(temperature, bool) or not isinstance(temperature, (int, float)) or not temperature > 0:
            raise ValueError(f"LogitsDistillation: temperature must be a number above 0. Received: temperature={temperature!r}.")
        self.temperature = temperature

    def _apart(self, loss: Any, teacher: Any, student: Any) -> Any:
        t = self.temperature
        if not isinstance(loss, losses.KLDivergence):
            return super()._apart(loss, teacher / t, student / t)
        return super()._apart(loss, ops.softmax(teacher / t), ops.softmax(student / t)) * t**2

    def get_config(self) -> dict[str, Any]:
        return {"temperature": self.temperature, **super().get_config()}


class FeatureDistillation(_OfLosses):
    """Compares what layers within give (Romero et al. 2014), or without names what the models return.

    Arguments: ``loss``, as for `LogitsDistillation`; ``teacher_layer_name`` and ``student_layer_name``, whose outputs must have one shape
    where the loss wants that. Raises ValueError where all losses are None; with a model that has no graph, or no layer of that name.
    """

    def __init__(self, loss: Any = "mse", teacher_layer_name: str | None = None, student_layer_name: str | None = None):
        super().__init__(loss)
        self.teacher_layer_name, self.student_layer_name = teacher_layer_name, student_layer_name

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        for role, model, name in (("teacher", teacher, self.teacher_layer_name), ("student", student, self.student_layer_name)):
            if name is None:
                continue
            if not model.is_graph or not model.built:
                kinds = "built Sequential or functional models"
                raise ValueError(f"FeatureDistillation: layers by name are those of {kinds}. Received: the {role} {model.name!r}.")
            try:
                model.get_layer(name=name)
            except ValueError as error:
                raise ValueError(f"In {role} model: {error}") from error

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "teacher_layer_name": self.teacher_layer_name, "student_layer_name": self.student_layer_name}
