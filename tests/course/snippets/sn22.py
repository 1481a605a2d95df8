# Deck 2, Dropout in Keras 1: underscores, brackets and the import of Sequential added; the numbers of units are the reader's.
from keras.models import Sequential
from keras.layers import Dense, Dropout
# Define the model
model = Sequential([
    Dense(output_dim = hidden1_num_units,
           activation='relu',
           input_dim=input_num_units),
# Dropout rate: fraction of input units to drop
    Dropout(0.2),
    Dense(output_dim = output_num_units,
           activation='softmax',
           input_dim=hidden5_num_units)
])
