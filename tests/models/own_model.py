"""A model class of the user's."""

from gpunn.layers import Add, Dense, Dropout
from gpunn.models import Model


class Own(Model):
    def __init__(self, **named):
        super().__init__(**named)
        self.hidden = [Dense(8, activation="relu"), Dense(8, activation="relu")]
        self.drop, self.out = Dropout(0.4), Dense(2)

    def call(self, x, training=False):
        a = self.hidden[0](x)
        b = Add()([a, self.hidden[1](a)])
        if training:
            b = self.drop(b)
        return self.out(b)
