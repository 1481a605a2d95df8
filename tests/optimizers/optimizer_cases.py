"""Arguments that every optimizer is tried with."""

NAMES = ("SGD", "Adagrad", "Adadelta", "RMSprop", "Adam", "AdamW", "Adamax", "Nadam", "Ftrl", "Lion", "Lamb", "Muon", "Adafactor")

OWN = {
    "SGD": [{"learning_rate": 0.1}, {"learning_rate": 0.05, "momentum": 0.9}, {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True}],
    "Adagrad": [{}, {"learning_rate": 0.1, "initial_accumulator_value": 0.02, "epsilon": 1e-4}],
    "Adadelta": [{"learning_rate": 1.0}, {"learning_rate": 0.5, "rho": 0.8, "epsilon": 1e-3}],
    "RMSprop": [
        {}, {"learning_rate": 0.01, "momentum": 0.9}, {"learning_rate": 0.01, "rho": 0.8, "centered": True},
        {"learning_rate": 0.01, "momentum": 0.5, "centered": True, "epsilon": 1e-4},
    ],
    "Adam": [
        {"learning_rate": 0.01}, {"learning_rate": 0.02, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3},
        {"learning_rate": 0.02, "beta_2": 0.7, "amsgrad": True},
    ],
    "AdamW": [{}, {"learning_rate": 0.01, "weight_decay": 0.3, "amsgrad": True}],
    "Adamax": [{"learning_rate": 0.01}, {"learning_rate": 0.01, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3}],
    "Nadam": [{"learning_rate": 0.01}, {"learning_rate": 0.01, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3}],
    "Ftrl": [
        {"learning_rate": 0.1}, {"learning_rate": 0.1, "learning_rate_power": -0.7, "initial_accumulator_value": 0.3, "beta": 0.2},
        {
            "learning_rate": 0.5, "l1_regularization_strength": 0.3, "l2_regularization_strength": 0.02,
            "l2_shrinkage_regularization_strength": 0.03,
        },
    ],
    "Lion": [{"learning_rate": 0.01}, {"learning_rate": 0.01, "beta_1": 0.5, "beta_2": 0.6}],
    "Lamb": [{"learning_rate": 0.01}, {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}],
    "Adafactor": [
        {"learning_rate": 0.02},
        {"learning_rate": 0.5, "relative_step": False, "beta_2_decay": -0.6, "clip_threshold": 0.7, "epsilon_2": 0.1},
    ],
    "Muon": [
        {"learning_rate": 0.02}, {"learning_rate": 0.02, "nesterov": False, "rms_rate": None, "ns_steps": 3, "momentum": 0.8},
        {"learning_rate": 0.02, "exclude_layers": ["wide"], "adam_lr_ratio": 0.5, "adam_weight_decay": 0.2, "weight_decay": 0.1},
        {"learning_rate": 0.02, "adam_weight_decay": None, "weight_decay": 0.5},
    ],
}
COMMON = {
    "weight_decay": {"weight_decay": 0.3},
    "clipnorm": {"clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.3},
    "global_clipnorm": {"global_clipnorm": 0.5},
    "use_ema": {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 3},
    "gradient_accumulation_steps": {"gradient_accumulation_steps": 3},
    "loss_scale_factor": {"loss_scale_factor": 128.0},
    "all, by each parameter": {
        "weight_decay": 0.3, "clipnorm": 0.5, "use_ema": True, "ema_momentum": 0.7, "gradient_accumulation_steps": 3,
        "loss_scale_factor": 0.5, "ema_overwrite_frequency": 2,
    },
    "all, by the whole": {
        "weight_decay": 0.3, "global_clipnorm": 0.5, "use_ema": True, "gradient_accumulation_steps": 4, "loss_scale_factor": 4.0,
    },
    "all, by each number": {
        "weight_decay": 0.3, "clipvalue": 0.3, "use_ema": True, "gradient_accumulation_steps": 2, "loss_scale_factor": 4.0,
    },
}
RATE = {"SGD": 0.1, "Adagrad": 0.1, "Adadelta": 1.0, "Ftrl": 0.2}


def common(name, option):
    return {"learning_rate": RATE.get(name, 0.01)} | COMMON[option]
