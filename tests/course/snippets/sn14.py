# Deck 2, regression MLP: underscores of the loss, and the import, added; indentation mended; X_train is the reader's.
from tensorflow import keras
# Build the regression neural network model
model = keras.models.Sequential([
    keras.layers.Dense(30, activation="relu",
           input_shape=X_train.shape[1:]),
    keras.layers.Dense(1)
])
# Compile the model
model.compile(loss="mean_squared_error",
           optimizer="sgd")
