# Deck 4, batch normalization: a doubled layer and sentences removed; n_cols is the reader's.
from keras.models import BatchNormalization

model = Sequential()
model.add(Dense(100, activation='relu', input_shape=(n_cols,)))
model.add(BatchNormalization())
model.add(Dense(1))
