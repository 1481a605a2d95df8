# Deck 2, functional API: as printed.
from tensorflow import keras
from tensorflow.keras import layers
# Define input layer
inputs = keras.Input(shape=(784,))
# Create and connect the first dense layer
dense1 = layers.Dense(64, activation="relu")
x = dense1(inputs)
# Create and connect the second dense layer
x = layers.Dense(64, activation="relu")(x)
# Create the output layer
outputs = layers.Dense(10)(x)
# Create the model
model = keras.Model(inputs=inputs, outputs=outputs, name="mnist model")
