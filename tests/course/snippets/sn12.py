# Deck 2, Sequential with .add(): imports of keras and layers added.
from tensorflow import keras
from tensorflow.keras import layers
# Sequential Model with .add() method
from tensorflow.keras.models import Sequential

model = keras.Sequential()


model.add(layers.Dense(2, activation="relu"))
model.add(layers.Dense(3, activation="relu"))
model.add(layers.Dense(4))
